"""Schedules questions that a contract asks one after the other, and shows the answers."""

from collections.abc import Sequence
from dataclasses import asdict

import click
from rich.console import Console
from web3.contract import Contract
from web3.types import TxReceipt

from infernet_protocol.abis import abi
from infernet_protocol.hashing import UINT16_MAX, UINT32_MAX
from infernet_protocol.subscription import Subscription
from scripts.accounts import REQUESTER
from scripts.chain import Sender
from scripts.deployment import CONTAINER
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
from scripts.terminal.text import utc
from scripts.terminal.values import ADDRESS, QUESTION
from scripts.views.answers import Followed, default_timeout
from scripts.views.receipts import Mined, created_subscription


def schedule(
    by: Sender, consumer: Contract, questions: Sequence[str], period: int, redundancy: int
) -> tuple[Followed, TxReceipt]:
    """Sends the questions to a ScheduledChat.

    Raises:
        ScriptError: if the contract refuses, or is no ScheduledChat.
    """
    call = consumer.functions.schedule(list(questions), period, redundancy)
    receipt = by.send(call, "calling schedule")
    created = created_subscription(receipt)
    if created is None:
        raise ScriptError(f"{consumer.address} made no subscription: it is no ScheduledChat")
    subscription_id, address = created
    coordinator = by.web3.eth.contract(address, abi=abi("EIP712Coordinator"))
    return Followed(subscription_id, coordinator, consumer, receipt["blockNumber"]), receipt


def show_scheduled(
    followed: Followed, subscription: Subscription, receipt: TxReceipt, as_json: bool
) -> None:
    """Prints what was scheduled, for a person or as one JSON object."""
    if as_json:
        json_object(
            {
                "event": "scheduled",
                "subscription_id": followed.id,
                "consumer": followed.consumer.address,
                "active_at": subscription.active_at,
                "period": subscription.period,
                "frequency": subscription.frequency,
                "redundancy": subscription.redundancy,
                "requested": asdict(Mined.of(receipt)),
            }
        )
        return
    first = f"the first at {utc(subscription.active_at)}"
    rhythm = f", one every {subscription.period} s" if subscription.period else ""
    fields(
        [
            ("subscription", followed.id),
            ("consumer", followed.consumer.address),
            ("questions", f"{subscription.frequency}{rhythm}, {first}"),
            ("requested", Mined.of(receipt)),
        ]
    )


def cancel(by: Sender, consumer: Contract, subscription_id: int, as_json: bool) -> None:
    """Ends a subscription; only the account that scheduled it can.

    Raises:
        ScriptError: if the contract refuses, e.g. with ``NotScheduler``.
    """
    call = consumer.functions.cancel(subscription_id)
    mined = Mined.of(by.send(call, f"cancelling subscription {subscription_id}"))
    if as_json:
        cancelled = {"event": "cancelled", "subscription_id": subscription_id}
        json_object({**cancelled, **asdict(mined)})
    else:
        fields([("cancelled", subscription_id), ("transaction", mined)])


@click.command(cls=ScriptCommand, context_settings=SETTINGS)
@click.argument("questions", type=QUESTION, metavar="[QUESTIONS]...", nargs=-1)
@signing_options
@click.option(
    "--period",
    type=click.IntRange(0, UINT32_MAX),
    default=60,
    help="Seconds between questions; the first is asked one period from now.",
)
@click.option(
    "--redundancy",
    type=click.IntRange(1, UINT16_MAX),
    default=1,
    help="How many nodes may answer each question.",
)
@click.option(
    "--consumer",
    type=ADDRESS,
    metavar="ADDRESS",
    help="A ScheduledChat.",
    show_default="as recorded in --deployments",
)
@click.option("--deploy", is_flag=True, help="Deploy a new ScheduledChat, record and use it.")
@click.option("--container", default=CONTAINER, help="Container that a new ScheduledChat asks.")
@wait_option(default=False)
@timeout_option
@click.option(
    "--cancel",
    "cancelled_id",
    type=click.IntRange(1, UINT32_MAX),
    metavar="ID",
    help="End this subscription instead.",
)
@json_option
def cli(
    questions: tuple[str, ...],
    chain: Chain,
    period: int,
    redundancy: int,
    consumer: str | None,
    deploy: bool,
    container: str,
    wait: bool,
    timeout: float | None,
    cancelled_id: int | None,
    as_json: bool,
) -> None:
    """Schedules QUESTIONS on a ScheduledChat contract, one per period.

    The contract makes one subscription with as many intervals as there are questions. In each
    interval a node reads that interval's question and delivers the answer; an interval that
    nobody answers in time is lost.

    \b
    Three questions, ten seconds apart, answers shown as they come:
        python scripts/subscribe.py --deploy --period 10 --wait \\
            "What is a rollup?" "What is a blob?" "What is a slot?"
    One question at once, answered by two nodes:
        python scripts/subscribe.py --period 0 --redundancy 2 --wait "What is a rollup?"
    No more:
        python scripts/subscribe.py --cancel 7
    """
    if bool(questions) == (cancelled_id is not None):
        raise click.UsageError("give either QUESTIONS to schedule or --cancel ID")
    if deploy and (consumer or cancelled_id):
        raise click.UsageError("--deploy makes a new contract: not with --consumer or --cancel")
    if period == 0 and len(questions) > 1:
        raise click.BadParameter(
            "at least 1 where there are several questions", param_hint="--period"
        )
    by = chain.sender(REQUESTER)
    if deploy:
        contract = chain.contracts.deploy_consumer(by, "ScheduledChat", container)
    else:
        contract = chain.consumer("ScheduledChat", consumer)
    if cancelled_id is not None:
        cancel(by, contract, cancelled_id, as_json)
        return
    followed, receipt = schedule(by, contract, questions, period, redundancy)
    subscription = followed.read()
    show_scheduled(followed, subscription, receipt, as_json)
    if wait:
        seconds = default_timeout(subscription, chain.now) if timeout is None else timeout
        with Console(stderr=True).status("waiting for answers"):
            for event in followed.follow(seconds, chain.poll_seconds):
                happening(event, as_json)


if __name__ == "__main__":
    cli()
