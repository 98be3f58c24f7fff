"""Taking jobs that nobody runs: those that other processes accepted, and those of dead ones."""

import asyncio
from collections.abc import Callable, Collection

import structlog
from sqlalchemy.exc import SQLAlchemyError

from infernet_node.fleet.lease import Lease
from infernet_node.fleet.member import PREFIX
from infernet_node.jobs import Jobs
from infernet_node.metrics import Metrics
from infernet_node.store.claims import Claims
from infernet_node.store.job import Job
from infernet_node.store.leases import Leases

_LOG = structlog.get_logger(__name__)
_AT_ONCE = 32
"""Jobs taken in one transaction, so that idle processes share what comes."""

_RETRY_SECONDS = 1.0

Runnable = Callable[[], Collection[str]]
"""Says which containers take jobs now."""


class Worker:
    """Takes jobs whenever there is room for them.

    Args:
        lease: that this process lives.
        runnable: says which containers take jobs now.
        period: seconds between two looks when nobody wakes it.
    """

    def __init__(
        self,
        jobs: Jobs,
        claims: Claims,
        leases: Leases,
        lease: Lease,
        runnable: Runnable,
        period: float,
        metrics: Metrics,
    ) -> None:
        self._jobs = jobs
        self._claims = claims
        self._leases = leases
        self._lease = lease
        self._runnable = runnable
        self._period = period
        self._metrics = metrics
        self._woken = asyncio.Event()
        self._more = False
        """Whether jobs were left for want of room."""
        jobs.on_room = self._room_made

    def wake(self, _ids: object = None) -> None:
        """Has it looked for jobs at once."""
        self._woken.set()

    async def run(self) -> None:
        """Takes jobs until cancelled."""
        loop = asyncio.get_running_loop()
        next_sweep = loop.time()
        while True:
            try:
                if loop.time() >= next_sweep:
                    next_sweep = loop.time() + self._period
                    await self._take_from_the_dead()
                await self._take_new()
            except SQLAlchemyError as error:
                _LOG.warning("jobs_not_claimed", cause=type(error).__name__)
                # Whoever woke us will not do it again.
                await asyncio.sleep(min(self._period, _RETRY_SECONDS))
                continue
            try:
                async with asyncio.timeout_at(next_sweep):
                    await self._woken.wait()
            except TimeoutError:
                pass
            self._woken.clear()

    def _room_made(self) -> None:
        if self._more:
            self._woken.set()

    async def _take_new(self) -> None:
        while room := min(self._jobs.room, _AT_ONCE):
            taken = await self._claims.take(room, self._runnable())
            self._begin(taken, "new")
            if len(taken) < room:
                self._more = False
                return
        self._more = True

    async def _take_from_the_dead(self) -> None:
        # Where the database was away everybody's lease is over, and nobody is dead.
        if self._lease.held_for < self._lease.seconds:
            return
        dead = await self._claims.ownerless()
        while dead and (room := min(self._jobs.room, _AT_ONCE)):
            taken = await self._claims.take(room, self._runnable(), of=dead)
            self._begin(taken, "taken over")
            if len(taken) < room:
                break
        await self._leases.forget_expired(PREFIX)

    def _begin(self, taken: list[Job], how: str) -> None:
        if taken:
            self._metrics.jobs_claimed.labels(how).inc(len(taken))
            _LOG.info("jobs_claimed", how=how, number=len(taken))
            self._jobs.take_up(taken)
