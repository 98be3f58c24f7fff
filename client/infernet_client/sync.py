"""The node client for programs without an event loop of their own, and for notebooks."""

import asyncio
import threading
import weakref
from collections.abc import AsyncGenerator, Coroutine, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar, overload

from infernet_client import waiting
from infernet_client.node import NodeClient
from infernet_client.types import (
    ErrorResponse,
    JobID,
    JobRequest,
    JobResponse,
    JobResult,
    JobStatus,
    ModelSupport,
    NodeInfo,
    Resources,
)

T = TypeVar("T")


class BackgroundLoop:
    """An event loop in a thread of its own: works where another loop runs already."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._tidying: set[asyncio.Task[None]] = set()
        """The loop itself does not keep its tasks."""
        self._thread = threading.Thread(target=self._serve, name="infernet-client", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Returns what a coroutine returns; Ctrl-C in the waiting thread cancels it.

        Raises:
            RuntimeError: after :meth:`close`.
        """
        if self._loop.is_closed():
            work.close()
            raise RuntimeError("the client is closed; make another")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def tidy_up(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs the end of something, which the garbage collector may have come to in any thread."""
        if self._loop.is_closed():
            work.close()
        elif threading.current_thread() is self._thread:
            self._tidying.add(task := self._loop.create_task(work))
            task.add_done_callback(self._tidying.discard)
        else:
            self.run(work)

    def close(self) -> None:
        """Ends the loop and its thread. Safe to repeat."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._loop.stop)
        # The garbage collector may call this from any thread, so from the loop's own as well.
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _serve(self) -> None:
        try:
            self._loop.run_forever()
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())  # streams under way
        finally:
            self._loop.close()


class SyncNodeClient:
    """:class:`~infernet_client.node.NodeClient` whose methods wait and return.

    As ``with`` its calls share a pool of connections. Arguments, results and errors are
    those of the same methods there.
    """

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        retries: int = 0,
        raw_results: bool = False,
        proxy: str | None = None,
    ) -> None:
        self._client = NodeClient(
            base_url,
            headers=headers,
            timeout=timeout,
            retries=retries,
            raw_results=raw_results,
            proxy=proxy,
        )
        self._loop = BackgroundLoop()
        weakref.finalize(self, self._loop.close)

    def __enter__(self) -> Self:
        self._loop.run(self._client.__aenter__())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.run(self._client.__aexit__(kind, error, trace))
        self.close()

    def close(self) -> None:
        """Ends the background thread. Safe to repeat."""
        self._loop.close()

    def health(self, timeout: float | None = None) -> bool:
        return self._loop.run(self._client.health(timeout))

    def get_info(self, timeout: float | None = None) -> NodeInfo:
        return self._loop.run(self._client.get_info(timeout))

    def get_resources(self, timeout: float | None = None) -> dict[str, Resources]:
        return self._loop.run(self._client.get_resources(timeout))

    def check_model_support(
        self, model_id: str, timeout: float | None = None
    ) -> dict[str, ModelSupport]:
        return self._loop.run(self._client.check_model_support(model_id, timeout))

    @overload
    def request_job(self, job: JobRequest, timeout: float | None = None) -> JobID: ...
    @overload
    def request_job(
        self,
        containers: str | Sequence[str],
        data: Mapping[str, Any],
        *,
        requires_proof: bool | None = None,
        timeout: float | None = None,
    ) -> JobID: ...
    def request_job(self, *args: Any, **keywords: Any) -> JobID:
        return self._loop.run(self._client.request_job(*args, **keywords))

    def request_jobs(
        self, jobs: Sequence[JobRequest], timeout: float | None = None
    ) -> list[JobResponse | ErrorResponse]:
        return self._loop.run(self._client.request_jobs(jobs, timeout))

    def get_job_result_sync(
        self, job_id: JobID, retries: int = 5, timeout: float | None = None, *, poll: float = 1.0
    ) -> JobResult | None:
        return self._loop.run(self._client.get_job_result_sync(job_id, retries, timeout, poll=poll))

    def wait_for_job(
        self,
        job_id: JobID,
        deadline: float = waiting.DEADLINE,
        poll: float = waiting.POLL,
        timeout: float | None = None,
    ) -> JobResult | None:
        return self._loop.run(self._client.wait_for_job(job_id, deadline, poll, timeout))

    def wait_for_jobs(
        self,
        job_ids: Sequence[JobID],
        deadline: float = waiting.DEADLINE,
        poll: float = waiting.POLL,
        timeout: float | None = None,
    ) -> list[JobResult | None]:
        return self._loop.run(self._client.wait_for_jobs(job_ids, deadline, poll, timeout))

    @overload
    def run(self, job: JobRequest, *, deadline: float = ...) -> JobResult: ...
    @overload
    def run(
        self,
        containers: str | Sequence[str],
        data: Mapping[str, Any],
        *,
        requires_proof: bool | None = None,
        deadline: float = ...,
    ) -> JobResult: ...
    def run(self, *args: Any, **keywords: Any) -> JobResult:
        return self._loop.run(self._client.run(*args, **keywords))

    def get_job_results(
        self, job_ids: Sequence[JobID], intermediate: bool = False, timeout: float | None = None
    ) -> list[JobResult]:
        return self._loop.run(self._client.get_job_results(job_ids, intermediate, timeout))

    def get_jobs(self, pending: bool | None = None, timeout: float | None = None) -> list[JobID]:
        return self._loop.run(self._client.get_jobs(pending, timeout))

    def request_stream(self, *args: Any, **keywords: Any) -> Iterator[str | bytes]:
        return self._pulled(self._client.request_stream(*args, **keywords))

    def stream_text(self, *args: Any, **keywords: Any) -> Iterator[str]:
        return self._pulled(self._client.stream_text(*args, **keywords))

    def record_status(
        self, id: JobID, status: JobStatus, job: JobRequest, timeout: float | None = None
    ) -> None:
        self._loop.run(self._client.record_status(id, status, job, timeout))

    def request_delegated_subscription(self, *args: Any, **keywords: Any) -> None:
        self._loop.run(self._client.request_delegated_subscription(*args, **keywords))

    def _pulled(self, pieces: AsyncGenerator[T, None]) -> Iterator[T]:
        async def following() -> list[T]:
            try:
                return [await anext(pieces)]
            except StopAsyncIteration:
                return []

        try:
            while piece := self._loop.run(following()):
                yield piece[0]
        finally:
            self._loop.tidy_up(pieces.aclose())
