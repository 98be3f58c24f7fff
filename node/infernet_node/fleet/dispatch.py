"""Accepting jobs in a process that does not run them."""

import asyncio

import structlog
from sqlalchemy.exc import SQLAlchemyError

from infernet_node.admission import Admission
from infernet_node.config import JobsConfig
from infernet_node.fleet.bus import WakeUpBus
from infernet_node.fleet.messages import Topic
from infernet_node.intake import Intake, JobOrder
from infernet_node.metrics import Metrics
from infernet_node.store.job import Job, RequestKey
from infernet_node.store.jobs import JobStore

_LOG = structlog.get_logger(__name__)
_LOOK_SECONDS = 1.0


class Dispatch:
    """Writes jobs down for whichever process takes them.

    How much is pending in all processes is read once a second, so for that long a burst at
    several of them may exceed the limits.
    """

    def __init__(
        self, store: JobStore, bus: WakeUpBus, limits: JobsConfig, metrics: Metrics
    ) -> None:
        self._store = store
        self._admission = Admission(limits.max_pending, limits.max_pending_bytes)
        self._intake = Intake(
            store, self._admission, metrics, lambda _: bus.send(Topic.WORK), claimed=False
        )

    @property
    def waiting(self) -> int:
        """Jobs accepted here and not started here: none, others start them."""
        return 0

    @property
    def running(self) -> int:
        """Jobs in their containers now: none."""
        return 0

    async def resume(self) -> int:
        """Takes up nothing: others do."""
        return 0

    async def submit(self, order: JobOrder, owner: str, request: RequestKey | None = None) -> str:
        """Accepts a job; see :meth:`Intake.submit`."""
        return await self._intake.submit(order, owner, request)

    async def discard(self, job: Job) -> None:
        """Forgets a job; whoever runs it hears of that, or sees it at its next sign of life."""
        await self._store.delete(job)

    def stop_accepting(self) -> None:
        """Refuses new jobs."""
        self._admission.close()

    async def close(self, grace: float, urgent: asyncio.Event) -> None:
        """Refuses new jobs; there is nothing to wait for."""
        self.stop_accepting()

    async def run(self) -> None:
        """Looks how much is pending until cancelled."""
        while True:
            try:
                self._admission.taken(*await self._store.claims.pending())
            except SQLAlchemyError as error:
                _LOG.warning("pending_not_read", cause=type(error).__name__)
            await asyncio.sleep(_LOOK_SECONDS)
