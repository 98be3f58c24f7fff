"""``/api/jobs``: asking for work and reading its results."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import Response

from infernet_node import guardian
from infernet_node.admission import NotAcceptingError
from infernet_node.api.errors import (
    ApiError,
    GuardianError,
    InternalError,
    MalformedError,
    UnavailableError,
)
from infernet_node.api.parsing import parse_request, read_json
from infernet_node.api.responses import StreamResponse, json_response
from infernet_node.api.services import Services
from infernet_node.guardian import DelegatedRequest, Rejection
from infernet_node.jobs import JobOrder
from infernet_node.ports import RejectionError
from infernet_node.store.job import Job
from infernet_protocol.messages import JobStatus

T = TypeVar("T")

_NO_IP = "Could not get client IP address"
_MOST_IDS = 1000
_RESTART_SECONDS = 5
# Delegated items of one batch that are checked against the chain at the same time.
_DELEGATED_AT_ONCE = 16
_STATUSES: dict[str | None, tuple[JobStatus, ...]] = {
    "true": ("running",),
    "false": ("success", "failed"),
}
_ALL: tuple[JobStatus, ...] = ("running", "success", "failed")


class JobRoutes:
    """Handlers that turn requests for jobs into calls of the services.

    Each takes the request and the caller's address, ``None`` if that is unknown.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._known = services.known
        self._limits = services.config.jobs
        self._server = services.config.server

    async def create(self, request: Request, ip: str | None) -> Response:
        """``POST /api/jobs``: one job or delegated subscription."""
        caller = _require_ip(ip)
        body = await read_json(request, self._server.max_body_bytes)
        parsed = parse_request(body, self._limits.max_containers)
        return json_response(await self._accept(parsed, caller))

    async def create_batch(self, request: Request, ip: str | None) -> Response:
        """``POST /api/jobs/batch``: many of them; each item has its own outcome."""
        caller = _require_ip(ip)
        body = await read_json(request, self._server.max_body_bytes)
        if not isinstance(body, list):
            raise MalformedError("Expected a list")
        if len(body) > self._server.max_batch_size:
            raise MalformedError(f"Expected at most {self._server.max_batch_size} items")
        gate = asyncio.Semaphore(_DELEGATED_AT_ONCE)
        outcomes = (self._accept_item(item, caller, gate) for item in body)
        return json_response(await asyncio.gather(*outcomes))

    async def create_stream(self, request: Request, ip: str | None) -> Response:
        """``POST /api/jobs/stream``: one job, answered with the id and then the output."""
        caller = _require_ip(ip)
        body = await read_json(request, self._server.max_body_bytes)
        parsed = parse_request(body, self._limits.max_containers)
        if isinstance(parsed, DelegatedRequest):
            raise GuardianError("Streaming only supported for OffchainJob requests.")
        self._check(parsed, caller)
        job = await _enqueued(lambda: self._services.streams.open(parsed, caller))
        return StreamResponse(self._services.streams, job)

    async def read(self, request: Request, ip: str | None) -> Response:
        """``GET /api/jobs``: results of the ids asked for, or the caller's ids."""
        caller = _require_ip(ip)
        query = request.query_params
        ids = query.getlist("id")
        if not ids:
            statuses = _STATUSES.get(query.get("pending"), _ALL)
            return json_response(await self._services.store.ids(caller, statuses))
        if len(ids) > _MOST_IDS:
            raise MalformedError(f"id: at most {_MOST_IDS} ids can be asked for at once")
        jobs = await self._services.store.find(caller, ids)
        jobs.sort(key=lambda job: job.status == "running")
        with_intermediate = query.get("intermediate") == "true"
        return json_response([_result(job, with_intermediate) for job in jobs])

    async def _accept_item(self, item: Any, ip: str, gate: asyncio.Semaphore) -> dict[str, Any]:
        try:
            parsed = parse_request(item, self._limits.max_containers)
        except MalformedError as error:
            return {"error": "Could not parse message", "params": {"reason": error.error}}
        try:
            if isinstance(parsed, JobOrder):
                return await self._accept(parsed, ip)
            async with gate:
                return await self._accept(parsed, ip)
        except ApiError as error:
            return error.body

    async def _accept(self, request: JobOrder | DelegatedRequest, ip: str) -> dict[str, Any]:
        if isinstance(request, DelegatedRequest):
            await self._accept_delegated(request, ip)
            return {}
        self._check(request, ip)
        return {"id": await _enqueued(lambda: self._services.jobs.submit(request, ip))}

    def _check(self, order: JobOrder, ip: str) -> None:
        _require_none(
            guardian.check_offchain(
                order.containers, requires_proof=order.requires_proof, ip=ip, known=self._known
            )
        )
        for container in order.containers:
            if not self._services.is_running(container):
                raise UnavailableError(
                    "Container is not running", _RESTART_SECONDS, {"container": container}
                )

    async def _accept_delegated(self, request: DelegatedRequest, ip: str) -> None:
        chain = self._services.chain
        if chain is None:
            raise _guardian_error(guardian.chain_disabled(request))
        wallet = self._services.config.chain.wallet
        _require_none(
            guardian.check_delegated(
                request,
                pipeline=chain.pipeline_of(request.subscription.container_id),
                ip=ip,
                now=self._services.clock(),
                known=self._known,
                payment_address=wallet.payment_address if wallet else None,
            )
        )
        try:
            await chain.port.accept_delegated(request.subscription, request.signature, request.data)
        except RejectionError as error:
            raise GuardianError(error.error, error.params) from None
        except NotAcceptingError as error:
            raise UnavailableError(str(error), error.retry_after) from None


def _require_ip(ip: str | None) -> str:
    if ip is None:
        raise MalformedError(_NO_IP)
    return ip


def _require_none(rejection: Rejection | None) -> None:
    if rejection:
        raise _guardian_error(rejection)


def _guardian_error(rejection: Rejection) -> GuardianError:
    return GuardianError(rejection.error, rejection.params)


async def _enqueued(accept: Callable[[], Awaitable[T]]) -> T:
    try:
        return await accept()
    except NotAcceptingError as error:
        raise UnavailableError(str(error), error.retry_after) from None
    except SQLAlchemyError as error:
        raise InternalError("Could not enqueue job: the store is not available") from error


def _result(job: Job, with_intermediate: bool) -> dict[str, Any]:
    finished = job.status != "running"
    result: dict[str, Any] = {
        "id": job.id,
        "status": job.status,
        "result": job.results[-1] if finished and job.results else None,
    }
    if with_intermediate:
        result["intermediate_results"] = job.results[:-1] if finished else job.results
    return result
