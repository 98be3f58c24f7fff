"""One process works on the chain, the others with the same key stand by.

Two that send for one account would sign different transactions with the same nonces. The lease
says whose turn it is; who cannot renew it stops before it ends.
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

import structlog
from sqlalchemy.exc import SQLAlchemyError

from infernet_node.chain.intake import DelegationIntake
from infernet_node.chain.key_lock import KeyInUseError
from infernet_node.chain.lookup import ContainerLookup
from infernet_node.fleet.bus import WakeUpBus
from infernet_node.fleet.lease import Lease
from infernet_node.fleet.messages import Topic
from infernet_node.fleet.relay import CommandRelay
from infernet_node.ports import ChainPort, Command, IntervalState
from infernet_protocol.delegation import Signature
from infernet_protocol.subscription import Subscription

_LOG = structlog.get_logger(__name__)

STANDBY = "standing by: another process sends with this key"


class WorkingChain(ChainPort, Protocol):
    """The chain half, which can be told that the store holds requests of others."""

    lookup: ContainerLookup

    async def adopt(self) -> None:
        """Takes up delegated requests that other processes have accepted."""


class ChainTurn:
    """The chain half of one of several processes.

    Args:
        chain: works, and may be started again after it was cancelled.
        lease: of the account.
        intake: accepts requests whosever turn it is.
        relay: passes commands on to whoever has the turn.
        key_lock: keeps processes of this machine away that know nothing of the store.
        period: seconds between two looks for requests when nobody tells of them.
    """

    def __init__(
        self,
        chain: WorkingChain,
        lease: Lease,
        intake: DelegationIntake,
        bus: WakeUpBus,
        relay: CommandRelay,
        key_lock: Callable[[], AbstractContextManager[None]],
        period: float,
    ) -> None:
        self._chain = chain
        self._lease = lease
        self._intake = intake
        self._bus = bus
        self._relay = relay
        self._key_lock = key_lock
        self._period = period
        self._key_trouble: str | None = None
        self._working = False
        self._free = asyncio.Event()
        self._requested = asyncio.Event()
        bus.listen(Topic.WALLET, lambda _: self._free.set())
        bus.listen(Topic.REQUESTS, lambda _: self._requested.set())

    @property
    def address(self) -> str:
        """Account that sends transactions, in EIP-55 form."""
        return self._chain.address

    @property
    def pending(self) -> int:
        """On-chain jobs in the containers of this process now."""
        return self._chain.pending

    @property
    def active(self) -> bool:
        """Whether it is this process's turn."""
        return self._working and self._lease.held

    @property
    def status(self) -> str:
        """``"ready"``, or what keeps the chain work from going on here, in a few words."""
        if self._key_trouble:
            return self._key_trouble
        return self._chain.status if self.active else STANDBY

    def remark(self) -> str | None:
        """Says that this process stands by, which is no trouble."""
        return STANDBY if self.status == STANDBY else None

    async def run(self) -> None:
        """Takes turns until cancelled."""
        # Requests are judged by it also while others have their turn.
        await asyncio.to_thread(self._chain.lookup.prepare)
        while True:
            await self._wait_for_turn()
            try:
                with self._key_lock():
                    self._key_trouble = None
                    await self._work()
            except (KeyInUseError, OSError) as error:
                self._say_once(str(error))
            finally:
                await self._lease.release()
                self._bus.send(Topic.WALLET)
            # Whoever could not go on lets another try.
            await asyncio.sleep(self._lease.pause)

    async def close(self) -> None:
        """Frees connections; called after :meth:`run` was cancelled."""
        await self._intake.close()
        await self._chain.close()

    async def history(self, subscription: str, interval: int | None) -> Any:
        """Returns what became of a subscription, on each chain that has it."""
        return await self._chain.history(subscription, interval)

    async def income(self) -> Any:
        """Returns what answers have earned, by chain, containers and token."""
        return await self._chain.income()

    async def command(self, command: Command, subscription: str, interval: int) -> IntervalState:
        """Has an interval tried again, or dropped, by whoever has the turn.

        Raises:
            UnknownSubscriptionError: if there is no row of the interval.
            CommandRefusedError: if the row's state or the chain's does not allow it.
            NotAcceptingError: if the chain cannot be asked now, or nobody works on it.
        """
        carry_out = self._chain.command if self.active else self._relay.ask
        return await carry_out(command, subscription, interval)

    async def accept_delegated(
        self, subscription: Subscription, signature: Signature, data: dict[str, Any]
    ) -> None:
        """Takes on a delegated subscription; once it returns the request is stored.

        Raises:
            RejectionError: if signature, signer, nonce or means of payment do not hold.
            NotAcceptingError: if the chain cannot be asked now.
        """
        await self._intake.accept(subscription, signature, data)
        self._requested.set()
        self._bus.send(Topic.REQUESTS)

    async def _wait_for_turn(self) -> None:
        while not await self._lease.attempt():
            self._free.clear()
            try:
                async with asyncio.timeout(self._lease.pause):
                    await self._free.wait()
            except TimeoutError:
                continue

    async def _work(self) -> None:
        _LOG.info("chain_turn_begins", address=self.address)
        work: list[asyncio.Task[None]] = [
            asyncio.create_task(each)
            for each in (
                self._lease.keep(),
                self._chain.run(),
                self._adopt(),
                self._relay.serve(self._chain.command),
            )
        ]
        self._working = True
        try:
            await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._working = False
            for task in work:
                task.cancel()
            ends = await asyncio.gather(*work, return_exceptions=True)
            _LOG.info("chain_turn_ends", address=self.address)
        for end in ends:
            if isinstance(end, Exception):
                raise end

    async def _adopt(self) -> None:
        """Has requests taken up that other processes accepted."""
        while True:
            try:
                async with asyncio.timeout(self._period):
                    await self._requested.wait()
            except TimeoutError:
                pass
            self._requested.clear()
            try:
                await self._chain.adopt()
            except SQLAlchemyError as error:
                _LOG.warning("requests_not_read", cause=type(error).__name__)

    def _say_once(self, trouble: str) -> None:
        if trouble != self._key_trouble:
            _LOG.error("key_not_usable", cause=trouble)
        self._key_trouble = trouble
