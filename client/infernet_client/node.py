"""A client of an Infernet node's REST interface."""

# ruff: noqa: ASYNC109 - every method takes ``timeout``: the interface is a published one.

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, cast, overload

from infernet_client import waiting
from infernet_client.call_shapes import JobCall, job_call
from infernet_client.description import DescriptionClient
from infernet_client.error import JobNotFoundError
from infernet_client.results import shaped
from infernet_client.shapes import is_object, is_text, list_of, object_with
from infernet_client.streaming import id_then_bytes, text_of
from infernet_client.types import (
    ErrorResponse,
    JobID,
    JobRequest,
    JobResponse,
    JobResult,
    JobStatus,
)

if TYPE_CHECKING:
    from infernet_client.chain.rpc import RPC
    from infernet_client.chain.subscription import Subscription

STREAM_LIMIT = 180.0
"""Seconds for a whole stream."""
_IDS_PER_REQUEST = 100
"""Keeps the URL well below the 8 KiB that servers take."""


class NodeClient(DescriptionClient):
    """A node. All methods take ``timeout``, seconds in all for the call.

    Every method may raise :class:`~infernet_client.error.APIError` for a refusal,
    ``TimeoutError``, and ``aiohttp.ClientError`` when the node cannot be reached.
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
        """Prepares calls of a node; see :class:`~infernet_client.transport.HttpClient`
        for the shared arguments.

        Args:
            raw_results: hand out results as they are on the wire, texts within their object.
        """
        super().__init__(base_url, headers=headers, timeout=timeout, retries=retries, proxy=proxy)
        self._raw_results = raw_results

    @overload
    async def request_job(self, job: JobRequest, timeout: float | None = None) -> JobID: ...
    @overload
    async def request_job(
        self,
        containers: str | Sequence[str],
        data: Mapping[str, Any],
        *,
        requires_proof: bool | None = None,
        timeout: float | None = None,
    ) -> JobID: ...
    async def request_job(self, *args: Any, **keywords: Any) -> JobID:
        """Starts a job and returns its id. Default timeout: 5 s.

        Args:
            args: a :class:`JobRequest`; or container names, a list or joined by commas, and
                the input of the first of them.
            keywords: the same by name, ``requires_proof``, ``timeout``.

        Raises:
            TypeError: if the arguments have neither shape; nothing is sent then.
            APIError: 405 if the node refuses the job; ``params`` says for what.
        """
        return await self._start(job_call(args, keywords))

    async def request_jobs(
        self, jobs: Sequence[JobRequest], timeout: float | None = None
    ) -> list[JobResponse | ErrorResponse]:
        """Starts several jobs; answers stand in the order of the jobs. Default timeout: 10 s.

        A job that is refused has its refusal in its place, and hinders no other.
        """
        limit = self._limit(timeout, 10)
        answer = await self._send("POST", "/api/jobs/batch", list(jobs), limit=limit)
        body = answer.value(list_of(is_object))
        if len(body) != len(jobs):
            raise answer.unexpected(body)
        return cast(list[JobResponse | ErrorResponse], body)

    async def get_job_result_sync(
        self, job_id: JobID, retries: int = 5, timeout: float | None = None, *, poll: float = 1.0
    ) -> JobResult | None:
        """Waits for a job by looking at it up to ``retries`` times, ``poll`` seconds apart.

        A job that failed is returned, not raised: see its ``status``. For jobs that take
        longer :meth:`wait_for_job` is the better choice.

        Args:
            timeout: seconds for each look; default 5.

        Returns:
            The result, or ``None`` at once when the node does not know the id.

        Raises:
            TimeoutError: if the job is still running at the last look.
        """
        return await waiting.looks(lambda: self._find(job_id, timeout), retries, poll)

    async def wait_for_job(
        self,
        job_id: JobID,
        deadline: float = waiting.DEADLINE,
        poll: float = waiting.POLL,
        timeout: float | None = None,
    ) -> JobResult | None:
        """Waits for a job, looking at it less and less often, also while the node restarts.

        Args:
            deadline: seconds to wait in all.
            poll: seconds before the second look.
            timeout: seconds for each look; default 5.

        Returns:
            The result, failed ones included, or ``None`` if the node does not know the id.

        Raises:
            TimeoutError: if the job is still running, or the node away, at the deadline.
        """
        (result,) = await self.wait_for_jobs([job_id], deadline, poll, timeout)
        if result is not None and result["status"] == "running":
            raise TimeoutError(f"Job {job_id} is still running after {deadline:g} s")
        return result

    async def wait_for_jobs(
        self,
        job_ids: Sequence[JobID],
        deadline: float = waiting.DEADLINE,
        poll: float = waiting.POLL,
        timeout: float | None = None,
    ) -> list[JobResult | None]:
        """Waits for several jobs at once, as :meth:`wait_for_job` does for one.

        Returns:
            The results in the order of the ids: those that are still running at the deadline
            as they are, and ``None`` for those that the node does not know.

        Raises:
            TimeoutError: if the node is away at the deadline.
        """
        results: dict[JobID, JobResult | None] = {}
        open_ids = list(dict.fromkeys(job_ids))

        async def settled() -> bool:
            found = await self.get_job_results(open_ids, timeout=timeout)
            by_id = {result["id"]: result for result in found}
            results.update({job_id: by_id.get(job_id) for job_id in open_ids})
            open_ids[:] = [r["id"] for r in by_id.values() if r["status"] == "running"]
            return not open_ids

        await waiting.until(settled, deadline, poll)
        return [results[job_id] for job_id in job_ids]

    @overload
    async def run(self, job: JobRequest, *, deadline: float = ...) -> JobResult: ...
    @overload
    async def run(
        self,
        containers: str | Sequence[str],
        data: Mapping[str, Any],
        *,
        requires_proof: bool | None = None,
        deadline: float = ...,
    ) -> JobResult: ...
    async def run(
        self, *args: Any, deadline: float = waiting.DEADLINE, **keywords: Any
    ) -> JobResult:
        """Starts a job and waits for it, ``deadline`` seconds at most.

        Takes a job in either shape of :meth:`request_job`; a failed job is returned.

        Raises:
            JobNotFoundError: if the node forgot the job meanwhile.
            TimeoutError: if it is still running at the deadline.
        """
        job_id = await self._start(job_call(args, keywords))
        result = await self.wait_for_job(job_id, deadline)
        if result is None:
            raise JobNotFoundError(job_id)
        return result

    async def get_job_results(
        self, job_ids: Sequence[JobID], intermediate: bool = False, timeout: float | None = None
    ) -> list[JobResult]:
        """Returns the results of the jobs that the node knows, in no certain order.

        Args:
            intermediate: also what each container but the last answered.
            timeout: seconds for each request, of which there is one for every 100 ids, and
                none without ids; default 5.
        """
        limit = self._limit(timeout, 5)
        results: list[JobResult] = []
        for start in range(0, len(job_ids), _IDS_PER_REQUEST):
            query = [("id", job_id) for job_id in job_ids[start : start + _IDS_PER_REQUEST]]
            if intermediate:
                query.append(("intermediate", "true"))
            answer = await self._get("/api/jobs", query, limit=limit)
            results += answer.value(list_of(object_with("id", "status", "result")))
        return results if self._raw_results else [shaped(result) for result in results]

    async def get_jobs(
        self, pending: bool | None = None, timeout: float | None = None
    ) -> list[JobID]:
        """Returns ids of this caller's jobs. Default timeout: 5 s.

        Args:
            pending: only jobs that run, only those that do not; ``None`` for all.
        """
        query = [] if pending is None else [("pending", "true" if pending else "false")]
        answer = await self._get("/api/jobs", query, limit=self._limit(timeout, 5))
        return cast(list[JobID], answer.value(list_of(is_text)))

    @overload
    def request_stream(
        self, job: JobRequest, timeout: float | None = None
    ) -> AsyncGenerator[str | bytes, None]: ...
    @overload
    def request_stream(
        self,
        containers: str | Sequence[str],
        data: Mapping[str, Any],
        *,
        requires_proof: bool | None = None,
        timeout: float | None = None,
    ) -> AsyncGenerator[str | bytes, None]: ...
    def request_stream(self, *args: Any, **keywords: Any) -> AsyncGenerator[str | bytes, None]:
        """Starts a job and yields its id as ``str``, then its output as ``bytes`` when it comes.

        Takes a job in either shape of :meth:`request_job`. Default timeout: 180 s for all of
        it. A chunk may end within a character; :meth:`stream_text` puts them together.

        Raises:
            TypeError: if the arguments have neither shape; nothing is sent then.
            APIError: if the node refuses the job.
            StreamError: if the stream does not begin with a job id.
            aiohttp.ClientPayloadError: if the transfer breaks.
        """
        return self._streamed(job_call(args, keywords))

    @overload
    def stream_text(
        self, job: JobRequest, timeout: float | None = None
    ) -> AsyncGenerator[str, None]: ...
    @overload
    def stream_text(
        self,
        containers: str | Sequence[str],
        data: Mapping[str, Any],
        *,
        requires_proof: bool | None = None,
        timeout: float | None = None,
    ) -> AsyncGenerator[str, None]: ...
    def stream_text(self, *args: Any, **keywords: Any) -> AsyncGenerator[str, None]:
        """Starts a job and yields its output as text; otherwise as :meth:`request_stream`."""
        return text_of(self._streamed(job_call(args, keywords)))

    async def record_status(
        self, id: JobID, status: JobStatus, job: JobRequest, timeout: float | None = None
    ) -> None:
        """Records a job that a container did on its own. Default timeout: 5 s.

        Raises:
            APIError: 403 unless the caller is on the node's own machine or network.
        """
        body = {"id": id, "status": status, **job}
        answer = await self._send("PUT", "/api/status", body, limit=self._limit(timeout, 5))
        answer.checked()

    @overload
    async def request_delegated_subscription(
        self,
        subscription: "Subscription",
        rpc: "RPC | str",
        coordinator_address: str,
        expiry: int,
        nonce: int | None = None,
        *,
        private_key: str,
        data: Mapping[str, Any],
        timeout: float | None = None,
    ) -> None: ...
    @overload
    async def request_delegated_subscription(
        self,
        *,
        sub: "Subscription",
        rpc: "RPC | str",
        coordinator_address: str,
        expiry: int,
        nonce: int | None = None,
        private_key: str,
        data: Mapping[str, Any],
        timeout: float | None = None,
    ) -> None: ...
    @overload
    async def request_delegated_subscription(
        self,
        subscription: "Subscription",
        rpc: "RPC | str",
        coordinator_address: str,
        expiry: int,
        nonce: int | None,
        private_key: str,
        data: Mapping[str, Any],
        timeout: float | None = None,
    ) -> None: ...
    async def request_delegated_subscription(self, *args: Any, **keywords: Any) -> None:
        """Signs a subscription and hands it to the node, which creates it with its first answer.

        Args:
            args, keywords: ``subscription``, also named ``sub``;
                a recurring one with ``active_at`` 0 is sent with the latest block's timestamp;
                ``rpc``: connection to the coordinator's chain, or the URL of an endpoint;
                ``coordinator_address``: of the ``EIP712Coordinator``;
                ``expiry``: UNIX seconds at which the signature ends: the node's transaction
                must be mined before;
                ``nonce``: uint32, with the owner the subscription's name for ever, and the
                same pair again means the same subscription; left out, a random one is drawn;
                ``private_key``: of the signer that the owner contract names;
                ``data``: input of the first container;
                ``timeout``: seconds for the node's answer, default 5.

        Raises:
            TypeError, ParameterError: naming the argument that is wrong; nothing is sent then.
            RpcError: if the endpoint does not answer.
            APIError: 405 if the node refuses the subscription.
        """
        # Imported here: jobs off the chain need no part of web3, which takes long to load.
        from infernet_client.chain.delegation import delegation_call, signed_request

        call = delegation_call(args, keywords)
        body = await signed_request(call)
        answer = await self._send("POST", "/api/jobs", body, limit=self._limit(call.timeout, 5))
        answer.checked()

    async def _start(self, call: JobCall) -> JobID:
        limit = self._limit(call.timeout, 5)
        answer = await self._send("POST", "/api/jobs", call.job, limit=limit)
        body = answer.value(object_with("id"))
        if not is_text(body["id"]):
            raise answer.unexpected(body)
        return JobID(body["id"])

    async def _find(self, job_id: JobID, timeout: float | None) -> JobResult | None:
        results = await self.get_job_results([job_id], timeout=timeout)
        return next((result for result in results if result["id"] == job_id), None)

    async def _streamed(self, call: JobCall) -> AsyncGenerator[str | bytes, None]:
        limit = self._limit(call.timeout, STREAM_LIMIT)
        try:
            async with (
                self._stream("/api/jobs/stream", call.job, limit=limit) as chunks,
                aclosing(id_then_bytes(chunks)) as pieces,
            ):
                async for piece in pieces:
                    yield piece
        except TimeoutError:
            raise TimeoutError(f"the stream did not end within {limit:g} s") from None
