"""The parts by which one process is one of several."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

import structlog
from sqlalchemy.exc import SQLAlchemyError

from infernet_node.config import FleetConfig
from infernet_node.fleet.bus import WakeUpBus
from infernet_node.fleet.dispatch import Dispatch
from infernet_node.fleet.lease import Lease
from infernet_node.fleet.member import PREFIX, Member
from infernet_node.fleet.messages import Topic
from infernet_node.fleet.unserved import Unserved
from infernet_node.fleet.worker import Runnable, Worker
from infernet_node.jobs import Jobs
from infernet_node.metrics import Metrics
from infernet_node.store.jobs import JobStore
from infernet_node.store.leases import Leases

_LOG = structlog.get_logger(__name__)
_LAST_WORDS = 1.0
"""Seconds to tell the others that something was left to them."""


@dataclass(frozen=True, slots=True)
class Membership:
    """What a process does because it shares its store."""

    bus: WakeUpBus
    store: JobStore
    member: Member
    work: Callable[[], Awaitable[None]]
    """Takes jobs or, where none are run, looks how many wait."""
    unserved: Unserved
    """Knows what nobody takes jobs for, once it is run."""

    @classmethod
    def of(
        cls,
        config: FleetConfig,
        bus: WakeUpBus,
        store: JobStore,
        leases: Leases,
        desk: Jobs | Dispatch,
        known: Iterable[str],
        runnable: Runnable,
        metrics: Metrics,
    ) -> "Membership":
        """Connects the parts.

        Args:
            desk: where this process runs jobs, or leaves them to others.
            known: every configured container.
            runnable: says which of them take jobs now, where jobs are run.
        """
        jobs = desk if isinstance(desk, Jobs) else None
        offers = runnable if jobs else list[str]
        lease = Lease(leases, PREFIX + bus.replica, bus.replica, config.lease, offers=offers)
        unserved = Unserved(store, leases, lease, known, config, metrics)
        member = Member(lease, store.claims, jobs)
        store.changes.spread = lambda job_id: bus.send(Topic.JOBS, job_id)
        bus.listen(Topic.JOBS, store.changes.hear)
        bus.listen(Topic.JOBS, member.doubt)
        if not isinstance(desk, Jobs):
            return cls(bus, store, member, desk.run, unserved)
        worker = Worker(desk, store.claims, leases, lease, runnable, config.sweep_period, metrics)
        bus.listen(Topic.WORK, worker.wake)
        return cls(bus, store, member, worker.run, unserved)

    async def join(self) -> bool:
        """Shows for the first time that the process lives; before that it may accept nothing."""
        return await self.member.lease.attempt()

    async def leave(self) -> None:
        """Leaves to the others what is not finished, without their having to wait."""
        try:
            await self.store.claims.release()
        except SQLAlchemyError as error:
            _LOG.warning("claims_not_released", cause=type(error).__name__)
        await self.member.lease.release()
        self.bus.send(Topic.WORK)
        try:
            async with asyncio.timeout(_LAST_WORDS):
                await self.bus.flush()
        except TimeoutError:
            _LOG.info("others_not_told")
