"""Jobs and results as they travel between client, node and container."""

from enum import IntEnum
from typing import Any, Literal, NotRequired, TypedDict


class JobLocation(IntEnum):
    """Where a container's input comes from, or where its output goes."""

    ONCHAIN = 0
    OFFCHAIN = 1
    STREAM = 2
    """Only ever a destination."""


JobID = str
JobStatus = Literal["success", "failed", "running"]


class ContainerInput(TypedDict):
    """Body of ``POST /service_output``."""

    source: int
    destination: int
    data: Any
    """On-chain: hex text without ``0x``. Off-chain: the object of the request, or the
    whole answer of the container before this one."""
    requires_proof: NotRequired[bool]
    """Absent when the destination is a stream."""


class JobRequest(TypedDict):
    """Body of ``POST /api/jobs``."""

    containers: list[str]
    data: dict[str, Any]
    requires_proof: NotRequired[bool | None]


class JobResponse(TypedDict):
    """Answer to an accepted :class:`JobRequest`."""

    id: JobID


class ContainerOutput(TypedDict):
    """What a container answered."""

    container: str
    output: Any


class ContainerError(TypedDict):
    """Why a container did not answer."""

    container: str
    error: str


ContainerResult = ContainerOutput | ContainerError


class JobResult(TypedDict):
    """One element of the answer to ``GET /api/jobs?id=...``."""

    id: JobID
    status: JobStatus
    result: ContainerResult | None
    """``None`` while the job is running."""
    intermediate: NotRequired[list[ContainerResult]]
    intermediate_results: NotRequired[list[ContainerResult]]
    """The same under its name on the wire."""


class ErrorResponse(TypedDict):
    """Body of a refusal."""

    error: str
    params: NotRequired[dict[str, Any]]
