"""Jobs for which there is no worker: they wait for one, and not without end.

Every process writes into its lease for which containers it takes jobs. A job needs one process that
has all of its own.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Sequence

import structlog
from sqlalchemy.exc import SQLAlchemyError

from infernet_node.config import FleetConfig
from infernet_node.ending import Ending
from infernet_node.fleet.lease import Lease, steady_clock
from infernet_node.fleet.member import PREFIX
from infernet_node.metrics import Metrics
from infernet_node.store.job import Job
from infernet_node.store.jobs import JobStore
from infernet_node.store.leases import Leases
from infernet_protocol.messages import ContainerError

_LOG = structlog.get_logger(__name__)
_AT_ONCE = 100
"""Jobs taken in one transaction, to end them."""

Offers = Collection[frozenset[str] | None]


class Unserved:
    """Watches which containers no living process offers, and ends the jobs that waited too long.

    How long is counted here, from the first look at which nobody offered them: whoever begins
    to watch begins to count.

    Args:
        lease: that this process lives.
        known: every configured container.
        clock: seconds that never stand still.
    """

    def __init__(
        self,
        store: JobStore,
        leases: Leases,
        lease: Lease,
        known: Iterable[str],
        config: FleetConfig,
        metrics: Metrics,
        clock: Callable[[], float] = steady_clock,
    ) -> None:
        self._store = store
        self._leases = leases
        self._lease = lease
        self._known = [frozenset((container,)) for container in known]
        self._config = config
        self._clock = clock
        self._ending = Ending(store, metrics, time.time)
        self._since: dict[frozenset[str], float] = {}
        """When the watch first saw that nobody has all of these."""

    @property
    def remark(self) -> str | None:
        """Says for which containers nobody takes jobs now."""
        return f"no worker offers {', '.join(names)}" if (names := self._names) else None

    def refused(self, containers: Sequence[str]) -> str | None:
        """Returns the first of some containers for which it is no use to wait any more."""
        given_up = (c for c in containers if self._is_overdue(frozenset((c,))))
        return next(given_up, None)

    async def run(self) -> None:
        """Watches until cancelled."""
        while True:
            try:
                await self._look()
            except SQLAlchemyError as error:
                _LOG.warning("offers_not_read", cause=type(error).__name__)
            await asyncio.sleep(self._config.sweep_period)

    async def _look(self) -> None:
        before = self._names
        if self._lease.held_for < self._lease.seconds:
            # Where the database was away everybody's lease is over, and nobody is gone.
            self._since.clear()
            return
        offers = await self._leases.offers(PREFIX)
        waiting = await self._store.claims.waiting()
        now = self._clock()
        wanted = [*self._known, *map(frozenset, waiting)]
        self._since = {w: self._since.get(w, now) for w in wanted if not _offered(w, offers)}
        if gone := [name for name in self._names if name not in before]:
            _LOG.warning("containers_without_worker", containers=gone)
        if back := [name for name in before if name not in self._names]:
            _LOG.info("containers_with_worker_again", containers=back)
        await self._end([each for each in waiting if self._is_overdue(frozenset(each))])

    async def _end(self, pipelines: list[list[str]]) -> None:
        while pipelines and (jobs := await self._store.claims.take_waiting(_AT_ONCE, pipelines)):
            for job in jobs:
                with structlog.contextvars.bound_contextvars(job_id=job.id):
                    failure = self._failure_of(job)
                    await self._ending.record(job, "failed", [*job.results, failure], insists=False)

    def _failure_of(self, job: Job) -> ContainerError:
        missing = self.refused(job.containers)
        seconds = f"for {self._config.unserved_timeout:g} s"
        if missing:
            return ContainerError(container=missing, error=f"No worker has offered it {seconds}")
        together = ", ".join(sorted(set(job.containers)))
        return ContainerError(
            container=job.containers[0],
            error=f"No worker has offered all of these together {seconds}: {together}",
        )

    def _is_overdue(self, containers: frozenset[str]) -> bool:
        since = self._since.get(containers)
        patience = self._config.unserved_timeout
        return since is not None and patience > 0 and self._clock() - since >= patience

    @property
    def _names(self) -> list[str]:
        return sorted(name for name, *more in self._since if not more)


def _offered(containers: frozenset[str], offers: Offers) -> bool:
    """Whether one process has them all; who does not say, as older versions do not, may."""
    return any(offer is None or containers <= offer for offer in offers)
