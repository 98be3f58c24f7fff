"""Everything that can go wrong, as one tree of exceptions.

Each class that a job can end with knows the HTTP status it is reported as; whether another
attempt makes sense is a property of the failures of TGI alone.
"""

from http import HTTPStatus
from typing import ClassVar


class TgiServiceError(Exception):
    """Base of all errors of this package; the text says what to do next."""


class ConfigurationError(TgiServiceError, ValueError):
    """A setting is wrong; names it, its value without secrets, and the expected shape."""


class ServiceException(TgiServiceError):  # noqa: N818 - name that callers of old releases catch
    """A job that ends with an error object instead of text."""

    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR
    quotes: ClassVar[bool] = False
    """True if the text may repeat parts of the request or of the answer."""
    retry_after: float | None = None
    """Seconds after which asking again makes sense, where that is known."""


class InvalidRequestError(ServiceException):
    """The request breaks a rule; names the field and the reason."""

    status = HTTPStatus.BAD_REQUEST
    quotes = True


class TooManyJobsError(ServiceException):
    """This service runs as many jobs as it may; TGI was not asked."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    retry_after = 1.0


class OutputTooLongError(ServiceException):
    """The answer exceeds the configured limit for on-chain answers."""


class CallerGoneError(ServiceException):
    """Nobody waits for the answer any more."""


class StoppedError(ServiceException):
    """The service was told to end at once."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


class InfernetMLException(ServiceException):
    """TGI did not answer with text; the cause is the error its client library raised."""

    retryable: ClassVar[bool] = False
    passing: ClassVar[bool] = False
    """True if it says nothing about the configuration: later, the same call may succeed."""


class TgiInvalidInputError(InfernetMLException):
    """TGI refuses the input or a parameter, in its own words."""

    status = HTTPStatus.BAD_REQUEST
    quotes = True


class TgiOverloadedError(InfernetMLException):
    """All slots of TGI are taken, or the caller is above its rate."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    retryable = True
    passing = True


class TgiUnauthorizedError(InfernetMLException):
    """TGI refuses the configured token, or wants one."""

    status = HTTPStatus.BAD_GATEWAY


class TgiUnavailableError(InfernetMLException):
    """TGI cannot be reached, or is still loading its model."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    retryable = True
    passing = True


class TgiTimeoutError(InfernetMLException):
    """No answer in time; not retried, because the generation may still be running."""

    status = HTTPStatus.GATEWAY_TIMEOUT
    passing = True


class TgiShardTimeoutError(TgiTimeoutError):
    """A front end of TGI waited in vain for its shard, which has given up."""

    retryable = True


class TgiGenerationError(InfernetMLException):
    """The generation failed, or ended before it was complete."""


class TgiAnswerTooLongError(InfernetMLException):
    """The answer is longer than the service reads; the rest of it was not read."""

    status = HTTPStatus.BAD_GATEWAY


class TgiBadAnswerError(InfernetMLException):
    """The answer is not one that a TGI server gives."""

    status = HTTPStatus.BAD_GATEWAY
    quotes = True
