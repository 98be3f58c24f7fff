"""The terms of a subscription that is signed, as options."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import fields as dataclass_fields
from typing import Any

import click

from infernet_client.cli.amounts import Amount
from infernet_protocol.hashing import UINT16_MAX, UINT32_MAX, container_id
from infernet_protocol.subscription import ZERO_ADDRESS, Subscription
from scripts.deployment import CONTAINER
from scripts.terminal.values import ADDRESS, AMOUNT


@dataclass(frozen=True, slots=True)
class Terms:
    """What is asked for: one or more containers, how often, of how many nodes, for what."""

    container: str
    period: int
    frequency: int
    redundancy: int
    lazy: bool
    pay: Amount
    token: str
    wallet: str

    def __post_init__(self) -> None:
        """Checks what the options cannot check one by one.

        Raises:
            click.BadParameter: naming the option that does not fit.
        """
        try:
            container_id(self.container)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--container") from None
        if self.period == 0 and self.frequency > 1:
            raise click.BadParameter(
                "at least 1 where there are several intervals", param_hint="--period"
            )
        if self.pay.units and self.wallet == ZERO_ADDRESS:
            raise click.BadParameter("name the --wallet that pays", param_hint="--pay")

    def subscription(self, owner: str, now: int) -> Subscription:
        """Returns the subscription of a consumer that begins at chain time ``now``."""
        return Subscription(
            owner=owner,
            # Intervals are counted from here; a single one is open whenever it is asked for.
            active_at=now if self.period else 0,
            period=self.period,
            frequency=self.frequency,
            redundancy=self.redundancy,
            container_id=container_id(self.container),
            lazy=self.lazy,
            verifier=ZERO_ADDRESS,
            payment_amount=self.pay.units,
            payment_token=self.token,
            wallet=self.wallet,
        )


OPTIONS = (
    click.option("--container", default=CONTAINER, help="Container to ask, or several: A,B,C."),
    click.option(
        "--period",
        type=click.IntRange(0, UINT32_MAX),
        default=0,
        help="Seconds per interval; 0 for one that no time ends.",
    ),
    click.option(
        "--frequency", type=click.IntRange(1, UINT32_MAX), default=1, help="How many intervals."
    ),
    click.option(
        "--redundancy",
        type=click.IntRange(1, UINT16_MAX),
        default=1,
        help="How many nodes may answer each interval.",
    ),
    click.option(
        "--pay", type=AMOUNT, default="0", metavar="AMOUNT", help="Payment for each answer."
    ),
    click.option(
        "--token",
        type=ADDRESS,
        metavar="ADDRESS",
        default=ZERO_ADDRESS,
        help="ERC20 token to pay with.",
        show_default="ether",
    ),
    click.option(
        "--wallet",
        type=ADDRESS,
        metavar="ADDRESS",
        default=ZERO_ADDRESS,
        help="Infernet wallet that pays; it must allow the consumer to spend.",
        show_default="none",
    ),
    click.option(
        "--lazy", is_flag=True, help="Deliver through the Inbox, where answers stay readable."
    ),
)


def terms_options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the options that say what is asked for; passes ``terms``."""

    @functools.wraps(command)
    def run(**given: Any) -> None:
        asked = Terms(**{field.name: given.pop(field.name) for field in dataclass_fields(Terms)})
        command(terms=asked, **given)

    wrapped: Any = run
    for option in reversed(OPTIONS):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[no-any-return]
