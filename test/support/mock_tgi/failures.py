"""What TGI answers when it does not answer with text."""

from dataclasses import dataclass
from typing import Any

_STATUSES = {
    "validation": 422,
    "generation": 424,
    "overloaded": 429,
    "incomplete_generation": 500,
    "incomplete_generation_stream": 500,
    "template_error": 422,
    "missing_template_variable": 422,
    "tool_error": 422,
    "stream_serialization_error": 500,
    "suffix not supported": 422,
    "batch size exceeded": 422,
    "healthcheck": 503,
}


@dataclass(eq=False)
class TgiFailure(Exception):  # noqa: N818 - a value of the API, reported rather than raised by TGI
    """An error of a TGI route: ``{"error": …, "error_type": …}`` with its status."""

    error_type: str
    error: str

    @property
    def status(self) -> int:
        return _STATUSES[self.error_type]

    def as_json(self) -> dict[str, Any]:
        return {"error": self.error, "error_type": self.error_type}


def invalid(reason: str) -> TgiFailure:
    """A request that breaks a rule of the API."""
    return TgiFailure("validation", f"Input validation error: {reason}")


def overloaded() -> TgiFailure:
    """No free slot."""
    return TgiFailure("overloaded", "Model is overloaded")
