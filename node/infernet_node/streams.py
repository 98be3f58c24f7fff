"""Jobs whose answer goes straight from the container to the caller, and into the store."""

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any

import structlog

from infernet_node.admission import Admission
from infernet_node.config import JobsConfig
from infernet_node.containers.calls import ContainerCallError
from infernet_node.ending import Ending
from infernet_node.intake import JobOrder, new_job
from infernet_node.metrics import Metrics
from infernet_node.pipeline import Pipeline
from infernet_node.store.job import Job, JobKind
from infernet_node.store.jobs import JobStore
from infernet_node.supervision import finish_or_cancel
from infernet_protocol.messages import ContainerError, ContainerOutput, ContainerResult, JobStatus

_CLIENT_LEFT = "Client disconnected before the stream was complete"
_NODE_STOPPED = "Stream was cut off when the node stopped"

Write = Callable[[bytes], Awaitable[None]]
"""Sends a piece to the caller, and returns when there is room for the next one."""


class StreamBrokenError(Exception):
    """The container failed; what the caller has got is not the whole answer."""


class Streams:
    """Runs streamed jobs, each for as long as its connection lasts."""

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
        self._clock = clock
        self._admission = Admission(limits.max_running, limits.max_pending_bytes)
        self._metrics = metrics or Metrics()
        self._ending = Ending(store, self._metrics, clock)
        self._running: set[asyncio.Task[Any]] = set()
        self._reason = _CLIENT_LEFT

    @property
    def running(self) -> int:
        """Streams being sent now."""
        return len(self._running)

    async def open(self, order: JobOrder, owner: str) -> Job:
        """Accepts a streamed job and returns it once its row is committed.

        The caller must :meth:`deliver` it.

        Raises:
            NotAcceptingError: if too many are open, or the node is about to stop.
        """
        job = new_job(order, owner, JobKind.STREAM, self._clock())
        with self._admission.entering(job.size):
            await self._store.insert(job, order.data_text)
        self._metrics.jobs_accepted.labels(job.kind).inc()
        return job

    async def deliver(self, job: Job, write: Write) -> None:
        """Sends the id line, then the first container's bytes as they come; records the end.

        Cancel it when the caller is gone.

        Raises:
            StreamBrokenError: if the container fails; recorded already.
        """
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        size = job.size
        structlog.contextvars.bind_contextvars(job_id=job.id)
        try:
            await self._deliver(job, write)
        finally:
            self._running.discard(task)
            self._admission.leave(size)

    def stop_accepting(self) -> None:
        self._admission.close()

    async def close(self, grace: float, urgent: asyncio.Event) -> None:
        """Lets open streams end, and cuts off those that do not.

        Args:
            grace: seconds that they have, unless ``urgent`` is set before.
        """
        self.stop_accepting()
        self._reason = _NODE_STOPPED
        await finish_or_cancel(set(self._running), grace, urgent)

    async def _deliver(self, job: Job, write: Write) -> None:
        received = bytearray()
        container = job.containers[0]
        try:
            # Clients take the first piece whole for the id.
            await write(job.id.encode() + b"\n")
            async with aclosing(self._pipeline.stream(container, job.data, job.id)) as pieces:
                async for piece in pieces:
                    received += piece
                    await write(piece)
        except ContainerCallError as error:
            await self._end(job, "failed", ContainerError(container=container, error=str(error)))
            raise StreamBrokenError from None
        except BaseException:
            # Cancelled, or the connection failed while writing: nobody is listening any more.
            await self._end(job, "failed", ContainerError(container=container, error=self._reason))
            raise
        output = ContainerOutput(container=container, output=_recorded(bytes(received)))
        await self._end(job, "success", output)

    async def _end(self, job: Job, status: JobStatus, result: ContainerResult) -> None:
        # The caller, or the end of the process, waits for this; without it the next start says it.
        await self._ending.record(job, status, [result], insists=False)


def _recorded(answer: bytes) -> dict[str, str]:
    """Returns the record of a stream: its text, or base64 and a remark if it is no text."""
    try:
        return {"output": answer.decode()}
    except UnicodeDecodeError:
        return {"output": base64.b64encode(answer).decode(), "encoding": "base64"}
