"""The shapes in which callers of two generations hand a job to a client."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from infernet_client.types import JobRequest

ACCEPTED = (
    'expected (job: JobRequest[, timeout]) or ("NAME" or ["A", "B"], data: dict, '
    "*, requires_proof=False, timeout=None)"
)
_KEYWORDS = {"job", "containers", "data", "requires_proof", "timeout"}


@dataclass(frozen=True, slots=True)
class JobCall:
    """A call, brought into the form that the node takes."""

    job: JobRequest
    timeout: float | None = None
    """Seconds; ``None`` for the default of the method."""


def job_call(args: Sequence[Any], keywords: Mapping[str, Any]) -> JobCall:
    """Reads the arguments of ``request_job``, ``request_stream`` and the like.

    Two shapes are accepted: a job as a mapping, alone or with a timeout; or containers (a
    name, several joined by commas, or a list of names) followed by the data.

    Raises:
        TypeError: for anything else; the message names both shapes.
    """
    named = dict(keywords)
    if unknown := named.keys() - _KEYWORDS:
        raise _refused(f"unknown argument {min(unknown)!r}")
    first_is_job = isinstance(args[0], Mapping) if args else "job" in named
    order = ("job", "timeout") if first_is_job else ("containers", "data")
    if len(args) > len(order):
        raise _refused(f"{len(args)} positional arguments")
    for name, value in zip(order, args, strict=False):
        if name in named:
            raise _refused(f"{name} is given twice")
        named[name] = value
    timeout = _timeout(named.pop("timeout", None))
    return JobCall(_whole_job(named) if first_is_job else _job_in_parts(named), timeout)


def _whole_job(named: dict[str, Any]) -> JobRequest:
    job = named.pop("job")
    if named:
        raise _refused(f"{min(named)} is given beside a whole job")
    if not isinstance(job, Mapping) or not job.keys() >= {"containers", "data"}:
        raise _refused("a job must be a mapping with the keys containers and data")
    return cast(JobRequest, dict(job))


def _job_in_parts(named: dict[str, Any]) -> JobRequest:
    if named.keys() & {"job"}:
        raise _refused("job is given beside containers or data")
    if not named.keys() >= {"containers", "data"}:
        raise _refused("containers and data are both needed")
    if not isinstance(named["data"], Mapping):
        raise _refused(f"data is {_kind(named['data'])}, not a mapping")
    job = JobRequest(containers=_names(named["containers"]), data=dict(named["data"]))
    if "requires_proof" in named:
        proof = named["requires_proof"]
        if proof is not None and not isinstance(proof, bool):
            raise _refused(f"requires_proof is {_kind(proof)}, not a bool")
        job["requires_proof"] = proof
    return job


def _names(containers: Any) -> list[str]:
    if isinstance(containers, str):
        return [name.strip() for name in containers.split(",")]
    if isinstance(containers, Sequence) and all(isinstance(name, str) for name in containers):
        return list(containers)
    raise _refused(f"containers is {_kind(containers)}, not a name or a list of names")


def _timeout(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _refused(f"timeout is {_kind(value)}, not a number of seconds")
    return float(value)


def _kind(value: Any) -> str:
    return f"of type {type(value).__name__}"


def _refused(problem: str) -> TypeError:
    return TypeError(f"{problem}; {ACCEPTED}")
