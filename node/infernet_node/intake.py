"""Taking on off-chain jobs: an id once the row is committed, and one job for one request."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import uuid4

from sqlalchemy.exc import IntegrityError

from infernet_node.admission import Admission
from infernet_node.metrics import Metrics
from infernet_node.store.job import Job, JobKind, RequestKey
from infernet_node.store.jobs import JobStore


@dataclass(frozen=True, slots=True)
class JobOrder:
    """What a caller wants to have computed, checked for form."""

    containers: list[str]
    data: dict[str, Any] = field(repr=False)
    data_text: bytes = field(repr=False)
    """``data`` as JSON."""
    requires_proof: bool


class RequestKeyReusedError(Exception):
    """The owner has asked for something else under the same key before."""


def new_job(order: JobOrder, owner: str, kind: JobKind, now: float) -> Job:
    """Returns a running job with an id that cannot be guessed."""
    return Job(
        id=str(uuid4()),
        owner=owner,
        kind=kind,
        containers=order.containers,
        data=order.data,
        requires_proof=order.requires_proof,
        created_at=now,
        size=len(order.data_text),
    )


class JobDesk(Protocol):
    """Where callers have jobs done, here or elsewhere."""

    @property
    def waiting(self) -> int:
        """Jobs accepted and not started in this process."""

    @property
    def running(self) -> int:
        """Jobs in their containers now, as far as this process runs them."""

    async def resume(self) -> int:
        """Takes up what an earlier process left in a store of its own; returns how many jobs."""

    async def submit(self, order: JobOrder, owner: str, request: RequestKey | None = None) -> str:
        """Accepts a job; see :meth:`Intake.submit`."""

    async def discard(self, job: Job) -> None:
        """Forgets a job, and stops it if it waits or runs."""

    def stop_accepting(self) -> None:
        """Refuses new jobs and starts none that wait."""

    async def close(self, grace: float, urgent: asyncio.Event) -> None:
        """Lets running jobs finish for ``grace`` seconds, unless ``urgent`` is set before."""


class Intake:
    """Accepts jobs, as many as there is room for.

    Args:
        admission: its room; whoever ends a job frees it.
        accepted: told of each job that was committed.
        claimed: whether this process will run what it accepts; else any may take it.
    """

    def __init__(
        self,
        store: JobStore,
        admission: Admission,
        metrics: Metrics,
        accepted: Callable[[Job], None],
        *,
        claimed: bool = True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._admission = admission
        self._metrics = metrics
        self._accepted = accepted
        self._claimed = claimed
        self._clock = clock

    async def submit(self, order: JobOrder, owner: str, request: RequestKey | None = None) -> str:
        """Accepts a job and returns its id once its row is committed.

        Args:
            owner: who will be able to read the result.
            request: a second one of the owner's with the same key is no second job.

        Raises:
            NotAcceptingError: if too much is pending, or the node is about to stop.
            RequestKeyReusedError: if the key came with another order before.
        """
        if request and (known := await self._repeated(owner, request)):
            return known
        job = new_job(order, owner, JobKind.JOB, self._clock())
        job.request = request
        try:
            with self._admission.entering(job.size):
                await self._store.insert(job, order.data_text, claimed=self._claimed)
        except IntegrityError:
            # Two requests with one key may come at the same time.
            if request and (known := await self._repeated(owner, request)):
                return known
            raise
        self._metrics.jobs_accepted.labels(job.kind).inc()
        self._accepted(job)
        return job.id

    async def _repeated(self, owner: str, request: RequestKey) -> str | None:
        known = await self._store.of_request(owner, request.key)
        if known is None:
            return None
        job_id, first = known
        if first != request:
            raise RequestKeyReusedError
        return job_id
