"""One question to a ChatConsumer, and the answer as the chain has it."""

import time
from dataclasses import asdict, dataclass
from typing import Any

import click
from eth_typing import ChecksumAddress
from rich.console import Console
from web3.contract import Contract
from web3.types import TxReceipt

from infernet_protocol.abis import abi
from infernet_protocol.output import delivery_from_answer, encode_text
from infernet_protocol.subscription import ZERO_ADDRESS
from scripts.accounts import NODE, anvil_account
from scripts.chain import DEVELOPMENT_POLL, Sender, wait_for
from scripts.errors import ScriptError
from scripts.terminal.printing import fields, json_object
from scripts.terminal.text import printable
from scripts.views.receipts import Mined, created_subscription


@dataclass(frozen=True, slots=True)
class Answer:
    """One question and what came of it."""

    question: str
    answer: str
    subscription_id: int
    node: str
    """Address that delivered."""
    requested: Mined
    delivered: Mined
    seconds: float
    """From sending the request to reading the answer."""


class Chat:
    """A ChatConsumer and the coordinator it asks through."""

    def __init__(self, by: Sender, consumer: ChecksumAddress) -> None:
        self.by = by
        self.consumer: Contract = by.web3.eth.contract(consumer, abi=abi("ChatConsumer"))

    def request(self, question: str) -> tuple[int, ChecksumAddress, TxReceipt]:
        """Sends the question; returns subscription id, coordinator and receipt."""
        call = self.consumer.functions.chatWithLLM(encode_text(question))
        receipt = self.by.send(call, "calling chatWithLLM")
        created = created_subscription(receipt)
        if created is None:
            raise ScriptError(
                f"{self.consumer.address} made no subscription: it is no consumer of a coordinator"
            )
        return *created, receipt

    def delivery(
        self, subscription_id: int, coordinator: ChecksumAddress, since: int
    ) -> tuple[str, TxReceipt] | None:
        """Returns the delivering node and the receipt once the subscription is fulfilled."""
        contract = self.by.web3.eth.contract(coordinator, abi=abi("EIP712Coordinator"))
        logs = contract.events.SubscriptionFulfilled().get_logs(
            argument_filters={"id": subscription_id}, from_block=since
        )
        if not logs:
            return None
        found: Any = logs[0]
        return found["args"]["node"], self.by.web3.eth.get_transaction_receipt(
            found["transactionHash"]
        )


def ask(
    chat: Chat,
    question: str,
    timeout: float,
    console: Console,
    *,
    own_answer: str | None = None,
    poll_seconds: float = DEVELOPMENT_POLL,
) -> Answer:
    """Asks and waits.

    Args:
        timeout: seconds to wait for the answer once the request is mined.
        own_answer: text that is delivered at once by :func:`play_node`; without it a node
            has to answer.
        poll_seconds: seconds between two looks at the chain.

    Raises:
        ScriptError: if nobody answers in time.
    """
    started = time.monotonic()
    with console.status("waiting for the request to be mined") as status:
        subscription_id, coordinator, requested = chat.request(question)
        if own_answer is not None:
            play_node(chat, subscription_id, coordinator, own_answer)
        status.update(f"subscription {subscription_id} is on chain, waiting for a node's answer")
        found = wait_for(
            lambda: chat.delivery(subscription_id, coordinator, requested["blockNumber"]),
            seconds=timeout,
            every=poll_seconds,
        )
    if not found:
        raise ScriptError(
            f"nobody answered subscription {subscription_id} within {timeout:g} s: is a node "
            "running that serves this consumer's container, and has its account funds for gas?"
        )
    node, delivered = found
    return Answer(
        question=question,
        answer=chat.consumer.functions.answer(subscription_id).call(),
        subscription_id=subscription_id,
        node=node,
        requested=Mined.of(requested),
        delivered=Mined.of(delivered),
        seconds=round(time.monotonic() - started, 2),
    )


def play_node(chat: Chat, subscription_id: int, coordinator: ChecksumAddress, text: str) -> None:
    """Delivers an answer as a node would, from the well-known account of the local node."""
    raw = {"raw_input": None, "processed_input": None, "processed_output": None, "proof": None}
    delivery = delivery_from_answer({**raw, "raw_output": encode_text(text).hex()})
    contract = chat.by.web3.eth.contract(coordinator, abi=abi("EIP712Coordinator"))
    call = contract.functions.deliverCompute(subscription_id, 1, *delivery, ZERO_ADDRESS)
    Sender(chat.by.web3, anvil_account(NODE)).send(call, "delivering the answer")


def show(answer: Answer, as_json: bool) -> None:
    """Prints what happened, for a person or as one JSON object."""
    if as_json:
        json_object(asdict(answer), indent=2)
        return
    blocks = answer.delivered.block - answer.requested.block
    fields(
        [
            ("question", answer.question),
            ("answer", click.style(printable(answer.answer), bold=True)),
            ("subscription", answer.subscription_id),
            ("node", answer.node),
            ("requested", answer.requested),
            ("delivered", answer.delivered),
            ("time", f"{answer.seconds} s, {blocks} block{'s' * (blocks != 1)} later"),
        ]
    )
