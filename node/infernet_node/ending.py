"""How every job ends, whoever ran it: a row, figures, a line of the log."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError

from infernet_node.metrics import Metrics
from infernet_node.store.job import Job
from infernet_node.store.jobs import JobStore
from infernet_protocol.messages import ContainerResult, JobStatus

_LOG = structlog.get_logger(__name__)
_FIRST_RETRY = 0.1
_LONGEST_RETRY = 30.0


class Ending:
    """Records the ends of jobs.

    Args:
        clock: UNIX seconds.
    """

    def __init__(self, store: JobStore, metrics: Metrics, clock: Callable[[], float]) -> None:
        self._store = store
        self._metrics = metrics
        self._clock = clock

    async def record(
        self,
        job: Job,
        status: JobStatus,
        results: list[ContainerResult],
        *,
        insists: bool = True,
    ) -> None:
        """Ends a job, unless it has ended already.

        Args:
            insists: whether to go on for as long as the store is in trouble.

        Raises:
            OperationalError: if the store is in trouble, and this does not insist.
        """
        now = self._clock()

        async def write() -> bool:
            return await self._store.finish(job, status, results, now)

        if await (until_stored(write) if insists else write()):
            self._tell(job, status, now - job.created_at)
        else:
            _LOG.warning("job_ended_elsewhere")

    def _tell(self, job: Job, status: JobStatus, seconds: float) -> None:
        self._metrics.jobs_finished.labels(job.kind, status).inc()
        self._metrics.job_seconds.labels(job.kind).observe(seconds)
        _LOG.info(
            "job_finished", status=status, containers=job.containers, seconds=round(seconds, 3)
        )


async def until_stored(write: Callable[[], Awaitable[bool]]) -> bool:
    """Repeats a write while the database is in trouble, more and more rarely."""
    delay = _FIRST_RETRY
    while True:
        try:
            return await write()
        except (OperationalError, InterfaceError) as error:
            _LOG.error("store_unavailable", cause=repr(error.orig), retry_in=delay)
        await asyncio.sleep(delay)
        delay = min(2 * delay, _LONGEST_RETRY)
