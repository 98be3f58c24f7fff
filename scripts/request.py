"""Asks a model a question from a contract, and reads the answer back from the chain."""

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
from eth_typing import ChecksumAddress
from eth_utils.crypto import keccak
from rich.console import Console
from web3.types import TxReceipt

from infernet_protocol import deployments
from infernet_protocol.abis import abi
from infernet_protocol.output import encode_text
from scripts.accounts import REQUESTER
from scripts.chain import Sender, chain_options, contract_address, sender, wait_for
from scripts.errors import ScriptError

SUBSCRIPTION_CREATED = keccak(text="SubscriptionCreated(uint32)")


@dataclass(frozen=True, slots=True)
class Mined:
    """A transaction, once it is in a block."""

    transaction: str
    block: int
    gas: int

    @classmethod
    def of(cls, receipt: TxReceipt) -> "Mined":
        return cls(
            "0x" + receipt["transactionHash"].hex(), receipt["blockNumber"], receipt["gasUsed"]
        )


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


def consumer_address(by: Sender, given: str | None, directory: Path) -> ChecksumAddress:
    """Finds the ChatConsumer: the address given, or the one recorded for the chain."""
    if given:
        return contract_address(by.web3, given, "--consumer")
    try:
        known = deployments.load(by.web3.eth.chain_id, directory)
        recorded = known["ChatConsumer"]
    except deployments.DeploymentError as error:
        raise ScriptError(str(error)) from None
    except KeyError:
        raise ScriptError(
            "the deployment has no ChatConsumer: deploy without --core-only, or pass --consumer"
        ) from None
    return contract_address(by.web3, recorded.address, "ChatConsumer")


class Chat:
    """A ChatConsumer and the coordinator it asks through."""

    def __init__(self, by: Sender, consumer: ChecksumAddress) -> None:
        self.by = by
        self.consumer = by.web3.eth.contract(consumer, abi=abi("ChatConsumer"))

    def request(self, question: str) -> tuple[int, ChecksumAddress, TxReceipt]:
        """Sends the question; returns subscription id, coordinator and receipt."""
        call = self.consumer.functions.chatWithLLM(encode_text(question))
        receipt = self.by.send(call, "calling chatWithLLM")
        for log in receipt["logs"]:
            if log["topics"] and log["topics"][0] == SUBSCRIPTION_CREATED:
                return int.from_bytes(log["topics"][1], "big"), log["address"], receipt
        raise ScriptError(
            f"{self.consumer.address} made no subscription: it is no consumer of this coordinator"
        )

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


def ask(chat: Chat, question: str, timeout: float, console: Console) -> Answer:
    """Asks and waits.

    Args:
        timeout: seconds to wait for the answer once the request is mined.

    Raises:
        ScriptError: if nobody answers in time.
    """
    started = time.monotonic()
    with console.status("waiting for the request to be mined") as status:
        subscription_id, coordinator, requested = chat.request(question)
        status.update(f"subscription {subscription_id} is on chain, waiting for a node's answer")
        found = wait_for(
            lambda: chat.delivery(subscription_id, coordinator, requested["blockNumber"]),
            seconds=timeout,
            on_wait=lambda: None,
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


def show(answer: Answer, as_json: bool) -> None:
    """Prints what happened, for a person or as one JSON object."""
    if as_json:
        click.echo(json.dumps(asdict(answer), indent=2))
        return
    for name, value in (
        ("question", answer.question),
        ("answer", click.style(answer.answer, bold=True)),
        ("subscription", answer.subscription_id),
        ("node", answer.node),
        ("requested", _mined(answer.requested)),
        ("delivered", _mined(answer.delivered)),
        ("time", f"{answer.seconds} s, {_blocks(answer)}"),
    ):
        click.echo(f"{click.style(f'{name:<13}', dim=True)} {value}")


def _mined(mined: Mined) -> str:
    return f"{mined.transaction}  block {mined.block}  gas {mined.gas:,}"


def _blocks(answer: Answer) -> str:
    count = answer.delivered.block - answer.requested.block
    return "1 block later" if count == 1 else f"{count} blocks later"


@click.command(context_settings={"show_default": True})
@click.argument("question")
@chain_options
@click.option("--consumer", help="Address of a ChatConsumer.", show_default="as deployed")
@click.option(
    "--timeout", type=click.FloatRange(min=0), default=60.0, help="Seconds to wait for the answer."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--deployments",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=deployments.DIRECTORY,
    help="Folder of the deployment files.",
)
def main(
    question: str,
    rpc_url: str,
    chain_id: int | None,
    keystore: Path | None,
    password_file: Path | None,
    consumer: str | None,
    timeout: float,
    as_json: bool,
    directory: Path,
) -> None:
    """Calls chatWithLLM with QUESTION, waits for the answer and prints it."""
    by = sender(rpc_url, chain_id, keystore, password_file, REQUESTER)
    chat = Chat(by, consumer_address(by, consumer, directory))
    show(ask(chat, question, timeout, Console(stderr=True)), as_json)


if __name__ == "__main__":
    main()
