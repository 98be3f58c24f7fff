"""``/api/jobs``: asking for work and reading its results."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import Response

from infernet_node import guardian
from infernet_node.admission import NotAcceptingError
from infernet_node.api.caller import Caller
from infernet_node.api.errors import (
    ConflictError,
    GuardianError,
    InternalError,
    MalformedError,
    NotFoundError,
    ReusedKeyError,
    UnavailableError,
    refusal_of,
)
from infernet_node.api.parsing import parse_request, read_json, request_key
from infernet_node.api.responses import StreamResponse, identified, job_result, json_response
from infernet_node.api.services import Services
from infernet_node.guardian import DelegatedRequest, Rejection
from infernet_node.intake import JobOrder, RequestKeyReusedError
from infernet_node.json_text import serialise
from infernet_node.ports import RejectionError
from infernet_node.store.job import JobKind, RequestKey
from infernet_protocol.messages import JobStatus

T = TypeVar("T")

_BATCH = "POST /api/jobs/batch"
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

    Each takes the request and who it comes from.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._known = services.known
        self._limits = services.config.jobs
        self._server = services.config.server

    async def create(self, request: Request, caller: Caller) -> Response:
        """``POST /api/jobs``: one job or delegated subscription."""
        identified(caller)
        key = request_key(request)
        body = await read_json(request, self._server.max_body_bytes)
        parsed = parse_request(body, self._limits.max_containers)
        return json_response(await self._accept(parsed, caller, key))

    async def create_batch(self, request: Request, caller: Caller) -> Response:
        """``POST /api/jobs/batch``: many of them; each item has its own outcome."""
        identified(caller)
        key = request_key(request)
        body = await read_json(request, self._server.max_body_bytes)
        if not isinstance(body, list):
            raise MalformedError("Expected a list")
        if len(body) > self._server.max_batch_size:
            raise MalformedError(f"Expected at most {self._server.max_batch_size} items")
        gate = asyncio.Semaphore(_DELEGATED_AT_ONCE)
        outcomes = (
            # Items are told apart by their places.
            self._accept_item(item, caller, key and f"{key}#{place}", gate)
            for place, item in enumerate(body)
        )
        return json_response(await asyncio.gather(*outcomes))

    async def create_stream(self, request: Request, caller: Caller) -> Response:
        """``POST /api/jobs/stream``: one job, answered with the id and then the output."""
        owner = identified(caller)
        if request_key(request):
            raise MalformedError("Idempotency-Key: a stream cannot be sent again; leave it out")
        body = await read_json(request, self._server.max_body_bytes)
        parsed = parse_request(body, self._limits.max_containers)
        if isinstance(parsed, DelegatedRequest):
            raise GuardianError("Streaming only supported for OffchainJob requests.")
        self._check(parsed, caller)
        job = await _enqueued(lambda: self._services.streams.open(parsed, owner))
        return StreamResponse(self._services.streams, job)

    async def read(self, request: Request, caller: Caller) -> Response:
        """``GET /api/jobs``: results of the ids asked for, or the caller's ids."""
        owner = identified(caller)
        query = request.query_params
        ids = query.getlist("id")
        if not ids:
            statuses = _STATUSES.get(query.get("pending"), _ALL)
            return json_response(await self._services.store.ids(owner, statuses))
        if len(ids) > _MOST_IDS:
            raise MalformedError(f"id: at most {_MOST_IDS} ids can be asked for at once")
        jobs = await self._services.store.find(owner, ids)
        jobs.sort(key=lambda job: job.status == "running")
        with_intermediate = query.get("intermediate") == "true"
        return json_response([job_result(job, with_intermediate=with_intermediate) for job in jobs])

    async def delete(self, request: Request, caller: Caller) -> Response:
        """``DELETE /api/jobs/{id}``: forgets a job and its results; stops it if it runs."""
        owner = identified(caller)
        found = await self._services.store.find(owner, [request.path_params["id"]])
        if not found:
            raise NotFoundError("Job not found")
        (job,) = found
        if job.status == "running" and job.kind is not JobKind.JOB:
            raise ConflictError("The job runs elsewhere; end its stream, or wait for its end")
        await self._services.jobs.discard(job)
        return Response(status_code=204)

    async def _accept_item(
        self, item: Any, caller: Caller, key: str | None, gate: asyncio.Semaphore
    ) -> dict[str, Any]:
        try:
            parsed = parse_request(item, self._limits.max_containers)
        except MalformedError as error:
            return {"error": "Could not parse message", "params": {"reason": error.error}}
        try:
            if isinstance(parsed, JobOrder):
                return await self._accept(parsed, caller, key)
            async with gate:
                return await self._accept(parsed, caller, key)
        except Exception as error:  # noqa: BLE001 - what happens to an item is its own matter
            return refusal_of(error, _BATCH).body

    async def _accept(
        self, request: JobOrder | DelegatedRequest, caller: Caller, key: str | None
    ) -> dict[str, Any]:
        if isinstance(request, DelegatedRequest):
            await self._accept_delegated(request, caller)
            return {}
        self._check(request, caller)
        self._require_worker(request)
        owner, named = identified(caller), _named(request, key)
        return {"id": await _enqueued(lambda: self._services.jobs.submit(request, owner, named))}

    def _check(self, order: JobOrder, caller: Caller) -> None:
        ip = _address(caller)
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

    def _require_worker(self, order: JobOrder) -> None:
        membership = self._services.membership
        if membership is None or self._services.role.runs_jobs:
            return  # What is accepted here is run here.
        if container := membership.unserved.refused(order.containers):
            raise UnavailableError(
                "No worker offers this container", _RESTART_SECONDS, {"container": container}
            )

    async def _accept_delegated(self, request: DelegatedRequest, caller: Caller) -> None:
        chain = self._services.chain
        if chain is None:
            raise _guardian_error(guardian.chain_disabled(request))
        wallet = self._services.config.chain.wallet
        _require_none(
            guardian.check_delegated(
                request,
                pipeline=chain.pipeline_of(request.subscription.container_id),
                ip=_address(caller),
                now=self._services.clock(),
                known=self._known,
                payment_address=wallet.payment_address if wallet else None,
            )
        )
        subscription, signature, data = request.subscription, request.signature, request.data
        await _enqueued(lambda: chain.port.accept_delegated(subscription, signature, data))


def _address(caller: Caller) -> str:
    """Returns the caller's address for firewalls; one that none of them lets in if unknown."""
    return caller.ip or ""


def _named(order: JobOrder, key: str | None) -> RequestKey | None:
    if key is None:
        return None
    asked = serialise([order.containers, order.data, order.requires_proof])
    return RequestKey(key, hashlib.sha256(asked).hexdigest())


def _require_none(rejection: Rejection | None) -> None:
    if rejection:
        raise _guardian_error(rejection)


def _guardian_error(rejection: Rejection) -> GuardianError:
    return GuardianError(rejection.error, rejection.params)


async def _enqueued(accept: Callable[[], Awaitable[T]]) -> T:
    try:
        return await accept()
    except RejectionError as error:
        raise GuardianError(error.error, error.params) from None
    except NotAcceptingError as error:
        raise UnavailableError(str(error), error.retry_after) from None
    except RequestKeyReusedError:
        raise ReusedKeyError("Idempotency-Key: came with another request before") from None
    except SQLAlchemyError as error:
        raise InternalError("Could not enqueue job: the store is not available") from error
