"""What travels between a client and a node or router: plain dictionaries, as on the wire."""

from typing import Any, Literal, NotRequired, TypedDict

from infernet_protocol.messages import (
    ContainerError,
    ContainerOutput,
    ContainerResult,
    ErrorResponse,
    JobID,
    JobRequest,
    JobResponse,
    JobResult,
    JobStatus,
)

__all__ = [
    "ChainInfo",
    "ContainerError",
    "ContainerInfo",
    "ContainerOutput",
    "ContainerResult",
    "ErrorResponse",
    "HealthInfo",
    "JobID",
    "JobRequest",
    "JobResponse",
    "JobResult",
    "JobStatus",
    "ModelSupport",
    "NetworkContainer",
    "NodeInfo",
    "PendingJobs",
]


class HealthInfo(TypedDict):
    """Answer to ``GET /health``."""

    status: Literal["healthy", "unhealthy"]


class ChainInfo(TypedDict):
    """The node's place on a chain."""

    enabled: bool
    address: str
    """The node's own account, empty when the chain is not enabled."""


class ContainerInfo(TypedDict):
    """A container that a node offers."""

    id: str
    description: str
    external: bool
    """Whether a job may begin with it."""
    image: str


class PendingJobs(TypedDict):
    """Counts of jobs that are running."""

    offchain: int
    onchain: int


class NodeInfo(TypedDict):
    """Answer to ``GET /info``."""

    version: str
    chain: ChainInfo
    containers: list[ContainerInfo]
    pending: PendingJobs


class NetworkContainer(TypedDict):
    """A container that some nodes of a router's network run."""

    id: str
    count: int
    """How many nodes run it."""
    description: str | None


class ModelSupport(TypedDict):
    """Whether a container can serve a model."""

    supported: bool
    error: NotRequired[str]


Resources = dict[str, Any]
"""What one container says about itself under ``/service-resources``; keys depend on it."""
