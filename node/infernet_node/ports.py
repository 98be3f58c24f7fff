"""What the off-chain half of the node needs from the chain half, and no more."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from infernet_protocol.delegation import Signature
from infernet_protocol.subscription import Subscription

if TYPE_CHECKING:
    from infernet_node.chain.history import SubscriptionHistory
    from infernet_node.chain.income import Income


class RejectionError(Exception):
    """A request is refused for a reason the caller can act on; REST answers 405.

    Args:
        error: the reason, a stable text.
        params: JSON values that say what it is about.
    """

    def __init__(self, error: str, params: dict[str, Any]) -> None:
        super().__init__(error)
        self.error = error
        self.params = params


class Command(StrEnum):
    """What an operator can have done about an interval."""

    RETRY = "retry"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class IntervalState:
    """What an interval is in once a command was carried out."""

    interval: int
    state: str
    """Name of a :class:`~infernet_node.chain.stages.Stage`."""
    reason: str | None


class CommandRefusedError(Exception):
    """The state of an interval does not allow a command; the text says why. REST answers 409."""

    code = "command_refused"


class ContainerKeeper(Protocol):
    """Starts some of the containers and keeps them running."""

    def is_down(self, container_id: str) -> bool:
        """Whether a container is one of these and does not answer now."""

    async def run(self) -> None:
        """Keeps them running until cancelled."""

    async def close(self) -> None:
        """Stops them, within seconds."""


class ChainPort(Protocol):
    """The chain half as the REST interface and the composition root see it."""

    @property
    def address(self) -> str:
        """Account that sends transactions, in EIP-55 form."""

    @property
    def pending(self) -> int:
        """On-chain jobs in their containers now."""

    @property
    def status(self) -> str:
        """``"ready"``, or what keeps the chain work from going on, in a few words."""

    async def run(self) -> None:
        """Works until cancelled. Trouble with an endpoint delays it and never ends it."""

    async def close(self) -> None:
        """Frees connections; called after :meth:`run` was cancelled."""

    async def history(self, subscription: str, interval: int | None) -> "list[SubscriptionHistory]":
        """Returns what became of a subscription, on each chain that has it.

        Raises:
            UnknownSubscriptionError: if the node knows none of that id.
        """

    async def income(self) -> "list[Income]":
        """Returns what answers have earned, by chain, containers and token."""

    async def command(self, command: Command, subscription: str, interval: int) -> IntervalState:
        """Has an interval tried again, or dropped; returns what it is in then.

        Raises:
            UnknownSubscriptionError: if there is no row of the interval.
            CommandRefusedError: if the row's state or the chain's does not allow it.
            NotAcceptingError: if the chain cannot be asked now, or nobody works on it.
        """

    async def accept_delegated(
        self, subscription: Subscription, signature: Signature, data: dict[str, Any]
    ) -> None:
        """Takes on a delegated subscription; once it returns the request is stored.

        Raises:
            RejectionError: if signature, signer, nonce or means of payment do not hold.
            NotAcceptingError: if the chain cannot be asked now.
        """
