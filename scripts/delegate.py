"""Signs a subscription, hands it to a node, and waits for the answer in the contract."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import click
from rich.console import Console
from web3.contract import Contract

from infernet_protocol.hashing import UINT32_MAX
from scripts.accounts import REQUESTER
from scripts.chain import Sender, wait_for
from scripts.delegation import Delegation, created_id, post, require_signer, signed, unused_nonce
from scripts.errors import ScriptError
from scripts.terminal.command import SETTINGS, ScriptCommand
from scripts.terminal.options import (
    Chain,
    json_option,
    signing_options,
    timeout_option,
    wait_option,
)
from scripts.terminal.printing import fields, happening, json_object
from scripts.terminal.terms import Terms, terms_options
from scripts.terminal.text import utc
from scripts.terminal.values import ADDRESS, QUESTION
from scripts.views.answers import Answered, Followed, Missed, default_timeout


@dataclass(frozen=True, slots=True)
class Printer:
    """Says what happens, line by line for a person or as one JSON object per event."""

    as_json: bool

    def signed(self, delegation: Delegation) -> None:
        owner, signature = delegation.subscription.owner, delegation.signature
        if self.as_json:
            facts = {"consumer": owner, "nonce": signature.nonce, "expiry": signature.expiry}
            json_object({"event": "signed", **facts})
        else:
            facts = {"nonce": signature.nonce, "expires": utc(signature.expiry)}
            fields([("consumer", owner), *facts.items()])

    def created(self, subscription_id: int) -> None:
        if self.as_json:
            json_object({"event": "created", "subscription_id": subscription_id})
        else:
            fields([("subscription", subscription_id)])


def prepare_later_intervals(by: Sender, consumer: Contract, question: str, store: bool) -> None:
    """Makes sure that intervals after the first find a question in the consumer.

    Raises:
        ScriptError: if it holds none and is not to store this one.
    """
    if store:
        by.send(consumer.functions.setQuestion(question), "storing the question")
    elif not consumer.functions.question().call():
        raise ScriptError(
            f"{consumer.address} holds no question for the intervals after the first: "
            "store this one with --store-question"
        )


def answers(
    chain: Chain, delegation: Delegation, consumer: Contract, since: int, timeout: float
) -> Iterator[int | Answered | Missed]:
    """Yields the id of the subscription once a node created it, then what becomes of it.

    Args:
        since: block before the request was posted.
        timeout: seconds to wait at most.

    Raises:
        ScriptError: if no subscription or no answer comes in time.
    """
    coordinator = chain.contracts.contract("EIP712Coordinator")
    owner, nonce = delegation.subscription.owner, delegation.signature.nonce
    started = time.monotonic()
    subscription_id = wait_for(
        lambda: created_id(coordinator, owner, nonce), seconds=timeout, every=chain.poll_seconds
    )
    if not subscription_id:
        raise ScriptError(
            f"the node took the request, but no subscription was made within {timeout:g} s: "
            "does its container answer, and has its account funds for gas?"
        )
    yield subscription_id
    left = max(0.0, timeout - (time.monotonic() - started))
    followed = Followed(subscription_id, coordinator, consumer, since)
    yield from followed.follow(left, chain.poll_seconds)


@click.command(cls=ScriptCommand, context_settings=SETTINGS)
@click.argument("question", type=QUESTION)
@signing_options
@click.option(
    "--node-url",
    envvar="SERVER_URL",
    show_envvar=True,
    default="http://127.0.0.1:4000",
    help="Node to hand the signature to.",
)
@click.option(
    "--consumer",
    type=ADDRESS,
    metavar="ADDRESS",
    help="A DelegatedChat whose signer you are.",
    show_default="as recorded in --deployments",
)
@click.option(
    "--deploy",
    is_flag=True,
    help="Deploy a DelegatedChat whose signer is the signing key, record and use it.",
)
@terms_options
@click.option(
    "--store-question",
    is_flag=True,
    help="Store QUESTION in the consumer, where the intervals after the first find it.",
)
@click.option(
    "--nonce",
    type=click.IntRange(0, UINT32_MAX),
    help="Number that tells this subscription from others of the consumer.",
    show_default="a random one",
)
@click.option(
    "--expires-in",
    type=click.IntRange(1),
    default=600,
    help="Seconds for which the signature can create the subscription.",
)
@click.option("--print", "print_only", is_flag=True, help="Print the signed request, send nothing.")
@wait_option(default=True)
@timeout_option
@json_option
def cli(
    question: str,
    chain: Chain,
    terms: Terms,
    node_url: str,
    consumer: str | None,
    deploy: bool,
    store_question: bool,
    nonce: int | None,
    expires_in: int,
    print_only: bool,
    wait: bool,
    timeout: float | None,
    as_json: bool,
) -> None:
    """Asks QUESTION for a DelegatedChat contract by a signature instead of a transaction.

    The consumer names a signer. Its signature lets a node create the subscription and deliver
    the answer in one transaction, which the node pays for. The question goes to the node only.

    \b
    Deploy a consumer, ask, and wait for the answer on chain:
        python scripts/delegate.py --deploy "Can shrimp actually fry rice fr?"
    Ask again, signed by the same key:
        python scripts/delegate.py "What is a rollup?"
    Sign here, send from elsewhere:
        python scripts/delegate.py --print "What is a rollup?" |
            curl -X POST http://127.0.0.1:4000/api/jobs -H "Content-Type: application/json" -d @-
    """
    if deploy and consumer:
        raise click.UsageError("--deploy makes a new contract: not with --consumer")
    by = chain.sender(REQUESTER)
    coordinator = chain.contracts.contract("EIP712Coordinator")
    if deploy:
        contract = chain.contracts.deploy_consumer(by, "DelegatedChat", by.address)
    else:
        contract = chain.consumer("DelegatedChat", consumer)
    require_signer(contract, by.address)
    if terms.frequency > 1:
        prepare_later_intervals(by, contract, question, store_question)
    # Chain time stands still where nothing is mined, and may run ahead of the clock.
    now = max(chain.now, int(time.time()))
    subscription = terms.subscription(contract.address, now)
    delegation = signed(
        subscription,
        by.account,
        coordinator,
        nonce=unused_nonce(coordinator, contract.address, nonce),
        expiry=now + expires_in,
    )
    if print_only:
        json_object(delegation.body(question))
        return
    since = chain.web3.eth.block_number
    post(node_url, delegation.body(question))
    printer = Printer(as_json)
    printer.signed(delegation)
    if not wait:
        return
    seconds = default_timeout(subscription, now) if timeout is None else timeout
    with Console(stderr=True).status("waiting for the answer"):
        for event in answers(chain, delegation, contract, since, seconds):
            if isinstance(event, int):
                printer.created(event)
            else:
                happening(event, as_json)


if __name__ == "__main__":
    cli()
