"""One off-chain job, and the memory of those that finished last."""

from collections import OrderedDict
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from infernet_protocol.messages import ContainerResult, JobStatus


class JobKind(StrEnum):
    """Who runs a job, and whether it can be run again."""

    JOB = "job"
    """The node; can be run again after an interruption."""
    STREAM = "stream"
    """The node, into an open connection; over when that is."""
    REPORTED = "reported"
    """A container on its own; the node only keeps what it reports."""


@dataclass(slots=True)
class Job:
    """One off-chain job. The attributes are those of its row."""

    id: str
    owner: str
    """Address of the caller, or ``key:`` and the name of its API key."""
    kind: JobKind
    containers: list[str]
    data: dict[str, Any] = field(repr=False)
    """Input of the first container; empty once the job is finished."""
    requires_proof: bool
    created_at: float
    """UNIX seconds."""
    size: int
    """Bytes of ``data`` as JSON."""
    status: JobStatus = "running"
    results: list[ContainerResult] = field(default_factory=list, repr=False)
    """Of every container that has answered so far, in order."""
    attempts: int = 1
    request: "RequestKey | None" = field(default=None, repr=False)
    """By which a repetition of the request is recognised."""


@dataclass(frozen=True, slots=True)
class RequestKey:
    """What a caller calls a request, so as to be able to send it again."""

    key: str
    """Up to 160 characters; unique for an owner."""
    digest: str
    """SHA-256 of what was asked, 64 hex digits."""


class FinishedJobs:
    """The jobs that finished last; they do not change any more.

    Args:
        jobs: most entries.
        size: most bytes of results.
    """

    def __init__(self, jobs: int, size: int) -> None:
        self._jobs = jobs
        self._room = size
        self._entries: OrderedDict[str, tuple[Job, int]] = OrderedDict()

    def add(self, job: Job, size: int) -> None:
        self._entries[job.id] = (job, size)
        self._room -= size
        while self._entries and (self._room < 0 or len(self._entries) > self._jobs):
            _, (_, freed) = self._entries.popitem(last=False)
            self._room += freed

    def get(self, job_id: str) -> Job | None:
        entry = self._entries.get(job_id)
        return entry[0] if entry else None

    def discard(self, job_id: str) -> None:
        entry = self._entries.pop(job_id, None)
        if entry:
            self._room += entry[1]
