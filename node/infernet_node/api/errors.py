"""Refusals, each with its status and the body that clients of Infernet read."""

import math
from typing import Any, Self

import structlog

_LOG = structlog.get_logger(__name__)


class ApiError(Exception):
    """Ends a request with a status and ``{"error": ..., "params": ...}``."""

    status = 500

    def __init__(self, error: str, params: dict[str, Any] | None = None) -> None:
        super().__init__(error)
        self.error = error
        self.params = params

    @property
    def headers(self) -> dict[str, str]:
        return {}

    @property
    def body(self) -> dict[str, Any]:
        if self.params is None:
            return {"error": self.error}
        return {"error": self.error, "params": self.params}


class MalformedError(ApiError):
    """The request is not of the right form; the text names the field and the fix."""

    status = 400


class UnauthorizedError(ApiError):
    """The caller does not show an API key that this node knows."""

    status = 401

    @property
    def headers(self) -> dict[str, str]:
        return {"WWW-Authenticate": "Bearer"}


class NotFoundError(ApiError):
    """There is no such thing, or it is somebody else's."""

    status = 404


class ReusedKeyError(ApiError):
    """An ``Idempotency-Key`` came with another request before."""

    status = 422


class ForbiddenError(ApiError):
    """This caller may not do this."""

    status = 403


class GuardianError(ApiError):
    """The rules of admission refuse the request."""

    status = 405


class ConflictError(ApiError):
    """The request contradicts what is stored."""

    status = 409


class SlowBodyError(ApiError):
    """The body did not arrive in time."""

    status = 408


class TooLargeError(ApiError):
    """The body is longer than the node reads."""

    status = 413


class EncodedError(ApiError):
    """The body is compressed."""

    status = 415


class InternalError(ApiError):
    """The node failed; the cause is in its log."""

    status = 500


class LaterError(ApiError):
    """Not now.

    Args:
        retry_after: whole seconds after which it may work.
    """

    def __init__(self, error: str, retry_after: int, params: dict[str, Any] | None = None) -> None:
        super().__init__(error, params)
        self.retry_after = retry_after

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(self.retry_after)}


class RateLimitedError(LaterError):
    """The caller asks too often."""

    status = 429

    @classmethod
    def after(cls, seconds: float) -> Self:
        whole = max(1, math.ceil(seconds))
        return cls(f"Rate limit exceeded; try again in {whole} s", whole)


class UnavailableError(LaterError):
    """The node has no room, or is about to stop."""

    status = 503


def refusal_of(error: Exception, route: str) -> ApiError:
    """Returns what a caller hears of a failure, and logs what is for the operator alone.

    Args:
        route: its method and path, for the log.
    """
    if isinstance(error, InternalError):
        _LOG.error("request_failed", route=route, cause=repr(error.__cause__))
    if isinstance(error, ApiError):
        return error
    _LOG.error("request_crashed", route=route, exc_info=error)
    return InternalError("Internal server error: see the log of the node")
