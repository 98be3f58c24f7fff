"""The life of an off-chain job: accepted, stored, queued, run, stored again."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence

import structlog
from sqlalchemy.exc import SQLAlchemyError

from infernet_node.admission import Admission
from infernet_node.config import JobsConfig
from infernet_node.ending import Ending, until_stored
from infernet_node.intake import Intake, JobOrder
from infernet_node.metrics import Metrics
from infernet_node.pipeline import Pipeline
from infernet_node.store.job import Job, JobKind, RequestKey
from infernet_node.store.jobs import JobStore
from infernet_node.supervision import finish_or_cancel
from infernet_protocol.messages import ContainerError, ContainerResult, JobLocation, JobStatus

_LOG = structlog.get_logger(__name__)


class Jobs:
    """Runs jobs, a bounded number at a time, and loses none.

    Whatever was accepted is a row. What this process does not finish, because it stops or
    dies, the next one takes up where the row says.
    """

    def __init__(
        self,
        store: JobStore,
        pipeline: Pipeline,
        limits: JobsConfig,
        clock: Callable[[], float] = time.time,
        metrics: Metrics | None = None,
    ) -> None:
        self._store = store
        self._pipeline = pipeline
        self._limits = limits
        self._admission = Admission(limits.max_pending, limits.max_pending_bytes)
        metrics = metrics or Metrics()
        self._ending = Ending(store, metrics, clock)
        self._intake = Intake(store, self._admission, metrics, self._enqueue, clock=clock)
        self._waiting: deque[Job] = deque()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._stopping = False
        self.on_room: Callable[[], None] = lambda: None
        """Told whenever a job has ended, so that another can be begun."""

    @property
    def waiting(self) -> int:
        """Jobs accepted and not started."""
        return len(self._waiting)

    @property
    def running(self) -> int:
        """Jobs in their containers now."""
        return len(self._running)

    @property
    def room(self) -> int:
        """How many more jobs could begin at once."""
        free = self._limits.max_running - self.running - self.waiting
        return 0 if self._stopping else max(free, 0)

    @property
    def ids(self) -> set[str]:
        """Jobs that wait or run here."""
        return {*self._running, *(job.id for job in self._waiting)}

    async def resume(self) -> int:
        """Takes up what an earlier process left; returns how many jobs that is."""
        jobs = await self._store.resume()
        self.take_up(jobs)
        return len(jobs)

    def take_up(self, jobs: Iterable[Job]) -> None:
        """Goes on with jobs that are ours and that others began, or accepted."""
        for job in jobs:
            self._admission.occupy(job.size)
            if job.kind is JobKind.STREAM:
                self._start(job, hopeless="Stream was cut off when the node stopped")
            elif job.attempts > self._limits.max_attempts:
                tries = self._limits.max_attempts
                self._start(job, hopeless=f"The node stopped during {tries} attempts")
            else:
                self._waiting.append(job)
        self._start_waiting()

    async def submit(self, order: JobOrder, owner: str, request: RequestKey | None = None) -> str:
        """Accepts a job and runs it; see :meth:`Intake.submit`."""
        return await self._intake.submit(order, owner, request)

    async def discard(self, job: Job) -> None:
        """Forgets a job, and stops it if it waits or runs."""
        # The row first: were it to outlast the work, nobody would ever end the job.
        await self._store.delete(job)
        self.drop({job.id})

    def drop(self, ids: Collection[str]) -> None:
        """Stops jobs that are no longer to be done here, and forgets them."""
        for job_id in ids:
            if task := self._running.get(job_id):
                task.cancel()
        for job in [job for job in self._waiting if job.id in ids]:
            self._waiting.remove(job)
            self._admission.leave(job.size)

    def stop_accepting(self) -> None:
        """Refuses new jobs and starts none that wait."""
        self._stopping = True
        self._admission.close()

    async def close(self, grace: float, urgent: asyncio.Event) -> None:
        """Lets running jobs finish; the next process runs again what does not make it.

        Args:
            grace: seconds that they have, unless ``urgent`` is set before.
        """
        self.stop_accepting()
        unfinished = await finish_or_cancel(set(self._running.values()), grace, urgent)
        if left := unfinished + len(self._waiting):
            _LOG.warning("jobs_left_for_next_start", number=left)
            await self._release()

    async def _release(self) -> None:
        try:
            await self._store.claims.release()
        except SQLAlchemyError as error:
            # Whoever takes the jobs up counts this stop as an attempt.
            _LOG.warning("claims_not_released", cause=type(error).__name__)

    def _enqueue(self, job: Job) -> None:
        self._waiting.append(job)
        self._start_waiting()

    def _start_waiting(self) -> None:
        while self._waiting and len(self._running) < self._limits.max_running:
            if self._stopping:
                return
            self._start(self._waiting.popleft())

    def _start(self, job: Job, hopeless: str | None = None) -> None:
        task = asyncio.create_task(self._supervise(job, hopeless))
        self._running[job.id] = task
        task.add_done_callback(lambda _: self._ended(job))

    def _ended(self, job: Job) -> None:
        # Not for the task to do: one that is cancelled before its first step never takes it.
        self._admission.leave(job.size)
        del self._running[job.id]
        self._start_waiting()
        self.on_room()

    async def _supervise(self, job: Job, hopeless: str | None) -> None:
        structlog.contextvars.bind_contextvars(job_id=job.id)
        try:
            await (self._give_up(job, hopeless) if hopeless else self._run(job))
        except Exception:  # noqa: BLE001 - nobody awaits this task
            # Only the store can fail here. The row still says "running", which is true again
            # after the next start.
            _LOG.exception("job_not_recorded")

    async def _run(self, job: Job) -> None:
        try:
            outcome = await self._pipeline.run(
                job.containers,
                source=JobLocation.OFFCHAIN,
                data=job.data,
                destination=JobLocation.OFFCHAIN,
                requires_proof=job.requires_proof,
                request_id=job.id,
                recorded=job.results,
                on_result=lambda results: self._record(job, results),
            )
            status: JobStatus = "failed" if outcome.failed else "success"
            await self._ending.record(job, status, outcome.results)
        except Exception:  # noqa: BLE001 - whatever it is, the caller must not wait for ever
            _LOG.exception("job_crashed")
            await self._give_up(job, "Internal error")

    async def _record(self, job: Job, results: Sequence[ContainerResult]) -> None:
        await until_stored(lambda: self._store.record(job, results))

    async def _give_up(self, job: Job, reason: str) -> None:
        container = job.containers[min(len(job.results), len(job.containers) - 1)]
        failure = ContainerError(container=container, error=reason)
        await self._ending.record(job, "failed", [*job.results, failure])
