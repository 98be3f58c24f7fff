"""The chain as seen by a process that takes requests and has no key."""

import asyncio
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from infernet_node.chain.history import SubscriptionHistory, history_of
from infernet_node.chain.income import Income, income_of
from infernet_node.chain.intake import DelegationIntake
from infernet_node.chain.lookup import ContainerLookup
from infernet_node.fleet.bus import WakeUpBus
from infernet_node.fleet.messages import Topic
from infernet_node.fleet.relay import NOBODY, PREFIX, CommandRelay
from infernet_node.ports import Command, IntervalState
from infernet_node.store.database import Database
from infernet_node.store.leases import Leases
from infernet_protocol.delegation import Signature
from infernet_protocol.subscription import Subscription

_LOG = structlog.get_logger(__name__)


class ChainGateway:
    """Stores what is asked of the chain, and reads who works on it.

    Args:
        period: seconds between two looks at that.
    """

    def __init__(
        self,
        intake: DelegationIntake,
        lookup: ContainerLookup,
        database: Database,
        leases: Leases,
        bus: WakeUpBus,
        relay: CommandRelay,
        period: float,
    ) -> None:
        self.lookup = lookup
        self._intake = intake
        self._database = database
        self._leases = leases
        self._bus = bus
        self._relay = relay
        self._period = period
        self._address = ""

    @property
    def address(self) -> str:
        """Account for which a process sends now, empty if none does."""
        return self._address

    @property
    def pending(self) -> int:
        """On-chain jobs in the containers of this process: none."""
        return 0

    @property
    def status(self) -> str:
        """``"ready"`` while a process works on the chain."""
        return "ready" if self._address else NOBODY

    def remark(self) -> str | None:
        """Says that nobody works on the chain, which does not keep this process from its work."""
        return None if self._address else NOBODY

    async def run(self) -> None:
        """Looks who works on the chain until cancelled."""
        await asyncio.to_thread(self.lookup.prepare)
        while True:
            try:
                names = await self._leases.live(PREFIX)
                self._address = next(iter(names), "").removeprefix(PREFIX)
            except SQLAlchemyError as error:
                _LOG.warning("leases_not_read", cause=type(error).__name__)
            await asyncio.sleep(self._period)

    async def close(self) -> None:
        """Frees connections."""
        await self._intake.close()

    async def history(self, subscription: str, interval: int | None) -> list[SubscriptionHistory]:
        """Returns what became of a subscription, on each chain that has it.

        Raises:
            UnknownSubscriptionError: if the node knows none of that id.
        """
        return await history_of(self._database, subscription, interval)

    async def income(self) -> list[Income]:
        """Returns what answers have earned, by chain, containers and token."""
        return await income_of(self._database, self.lookup.containers)

    async def command(self, command: Command, subscription: str, interval: int) -> IntervalState:
        """Has the process that works on the chain carry it out; see :meth:`CommandRelay.ask`."""
        return await self._relay.ask(command, subscription, interval)

    async def accept_delegated(
        self, subscription: Subscription, signature: Signature, data: dict[str, Any]
    ) -> None:
        """Takes on a delegated subscription; once it returns the request is stored.

        Raises:
            RejectionError: if signature, signer, nonce or means of payment do not hold.
            NotAcceptingError: if the chain cannot be asked now.
        """
        await self._intake.accept(subscription, signature, data)
        self._bus.send(Topic.REQUESTS)
