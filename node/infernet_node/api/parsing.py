"""From the bytes of a request to an order; everything that is wrong with it is a 400."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from starlette.requests import Request

from infernet_node.api.errors import (
    EncodedError,
    MalformedError,
    SlowBodyError,
    TooLargeError,
)
from infernet_node.config import ContainerConfig
from infernet_node.config.types import Address
from infernet_node.guardian import DelegatedRequest
from infernet_node.intake import JobOrder
from infernet_node.json_text import JsonTextError, parse, serialise
from infernet_node.problems import problems_of
from infernet_protocol.delegation import Signature
from infernet_protocol.hashing import UINT16_MAX, UINT32_MAX, UINT256_MAX
from infernet_protocol.messages import JobStatus
from infernet_protocol.subscription import Subscription

_BODY_SECONDS = 60.0
_REQUEST_KEY = re.compile(r"[\x21-\x7e]{1,128}")
_JOB_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_STATUSES: dict[str, JobStatus] = {
    "success": "success",
    "failed": "failed",
    "running": "running",
}

Uint16 = Annotated[int, Field(ge=0, le=UINT16_MAX)]
Uint32 = Annotated[int, Field(ge=0, le=UINT32_MAX)]
Uint256 = Annotated[int, Field(ge=0, le=UINT256_MAX)]


async def read_json(request: Request, max_bytes: int) -> Any:
    """Returns the body's JSON value, whatever content type it claims.

    Raises:
        EncodedError: if the body is compressed; then its length says nothing.
        TooLargeError: if the body is longer than ``max_bytes``.
        SlowBodyError: if it takes more than a minute to arrive.
        MalformedError: if it is no JSON.
    """
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise EncodedError(f"Content-Encoding: {encoding[:40]} is not read here; send plain JSON")
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            body = await _read(request, max_bytes)
    except TimeoutError:
        raise SlowBodyError(f"body: must arrive within {_BODY_SECONDS:g} s") from None
    try:
        return parse(body)
    except JsonTextError as error:
        raise MalformedError(f"body: {error}") from None


def request_key(request: Request) -> str | None:
    """Returns the ``Idempotency-Key`` of a request, ``None`` if it has none.

    Raises:
        MalformedError: if it is no such key.
    """
    key = request.headers.get("idempotency-key")
    if key is not None and not _REQUEST_KEY.fullmatch(key):
        raise MalformedError("Idempotency-Key: must be 1 to 128 visible ASCII characters")
    return key


async def _read(request: Request, max_bytes: int) -> bytes:
    too_large = TooLargeError(f"body: must not be longer than {max_bytes} bytes")
    # The server has refused lengths that are no numbers.
    if int(request.headers.get("content-length", 0)) > max_bytes:
        raise too_large
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > max_bytes:
            raise too_large
    return bytes(body)


def parse_request(body: Any, max_containers: int) -> JobOrder | DelegatedRequest:
    """Reads an off-chain job or a delegated subscription.

    Raises:
        MalformedError: if it is neither.
    """
    if not isinstance(body, dict):
        raise MalformedError("body: must be an object with containers and data")
    problem = _offchain_problem(body, max_containers)
    if problem is None:
        data = body["data"]
        proof = body.get("requires_proof") or False
        return JobOrder(body["containers"], data, serialise(data), proof)
    if "subscription" in body or "signature" in body:
        return _delegated(body)
    raise MalformedError(problem)


def _offchain_problem(body: Mapping[str, Any], max_containers: int) -> str | None:
    containers = body.get("containers")
    if not isinstance(containers, list) or not all(isinstance(c, str) for c in containers):
        return 'containers: must be a list of container ids, e.g. ["my-container"]'
    if len(containers) > max_containers:
        return f"containers: must not name more than {max_containers} containers"
    if not isinstance(body.get("data"), dict):
        return 'data: must be an object, e.g. {"text": "..."}'
    if not isinstance(body.get("requires_proof"), bool | None):
        return "requires_proof: must be true or false"
    return None


@dataclass(frozen=True, slots=True)
class StatusReport:
    """Body of ``PUT /api/status``."""

    id: str
    status: JobStatus
    containers: list[str]


def parse_status(body: Any, known: Mapping[str, ContainerConfig]) -> StatusReport:
    """Reads what a container reports of a job that it runs on its own.

    Raises:
        MalformedError: naming the field.
    """
    if not isinstance(body, dict):
        raise MalformedError("body: must be an object with id, status and containers")
    job_id, status, containers = (body.get(key) for key in ("id", "status", "containers"))
    if not isinstance(job_id, str) or not _JOB_ID.fullmatch(job_id):
        raise MalformedError("id: must be 1 to 128 letters, digits or any of . _ : -")
    if not isinstance(status, str) or status not in _STATUSES:
        raise MalformedError("Status is invalid")
    if not isinstance(containers, list) or not all(isinstance(c, str) for c in containers):
        raise MalformedError("containers: must be a list of container ids")
    for container in containers:
        if container not in known:
            raise MalformedError(f"containers: {container[:40]!r} is not configured here")
    return StatusReport(job_id, _STATUSES[status], containers)


def _container_hash(value: Any) -> bytes:
    try:
        hashed = bytes.fromhex(value.removeprefix("0x")) if isinstance(value, str) else b""
    except ValueError:
        hashed = b""
    if len(hashed) != 32:
        raise ValueError("must be the 32 bytes of the container hash in hex")
    return hashed


class _Signature(BaseModel):
    nonce: Uint32
    expiry: Uint32
    v: Annotated[int, Field(ge=27, le=28)]
    r: Uint256
    s: Uint256


class _Subscription(BaseModel):
    owner: Address
    active_at: Uint32
    period: Uint32
    frequency: Uint32
    redundancy: Uint16
    containers: Annotated[bytes, BeforeValidator(_container_hash)]
    lazy: bool
    verifier: Address
    payment_amount: Uint256
    payment_token: Address
    wallet: Address


class _Delegated(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    signature: _Signature
    subscription: _Subscription
    data: dict[str, Any]


def _delegated(body: dict[str, Any]) -> DelegatedRequest:
    try:
        request = _Delegated.model_validate(body)
    except ValidationError as error:
        raise MalformedError("; ".join(str(p) for p in problems_of(error))) from None
    message = {key: body[key] for key in ("signature", "subscription", "data")}
    return DelegatedRequest(
        Subscription.from_abi(dict(request.subscription).values()),
        Signature(**dict(request.signature)),
        request.data,
        message,
    )
