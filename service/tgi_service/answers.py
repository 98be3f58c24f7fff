"""What a TGI server's refusals mean, whoever in front of it writes them.

Pure functions from status and text to an error; the order of the rules is the meaning.
"""

import json
import re
from http import HTTPStatus

from huggingface_hub.errors import (
    GenerationError,
    IncompleteGenerationError,
    OverloadedError,
    TextGenerationError,
    ValidationError,
)

from tgi_service.errors import (
    InfernetMLException,
    TgiBadAnswerError,
    TgiGenerationError,
    TgiInvalidInputError,
    TgiOverloadedError,
    TgiShardTimeoutError,
    TgiUnauthorizedError,
    TgiUnavailableError,
)

_EXCERPT = 200
"""Characters of an answer of unknown shape that are worth repeating."""
_TOKEN_PROBLEM = re.compile(
    r"token|authori[sz]|authentic|credential|permission|api.?key", re.IGNORECASE
)
_INPUT_REFUSED = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)
_BY_TYPE: dict[str, type[InfernetMLException]] = {
    "validation": TgiInvalidInputError,
    "template_error": TgiInvalidInputError,
    "missing_template_variable": TgiInvalidInputError,
    "tool_error": TgiInvalidInputError,
    "overloaded": TgiOverloadedError,
    "generation": TgiGenerationError,
    "incomplete_generation": TgiGenerationError,
    "incomplete_generation_stream": TgiGenerationError,
    "stream_serialization_error": TgiGenerationError,
}
_BY_HUB_CLASS: dict[type[TextGenerationError], type[InfernetMLException]] = {
    ValidationError: TgiInvalidInputError,
    OverloadedError: TgiOverloadedError,
    GenerationError: TgiGenerationError,
    IncompleteGenerationError: TgiGenerationError,
}
_BY_PREFIX: dict[str, type[InfernetMLException]] = {
    "Input validation error": TgiInvalidInputError,
    "Template error": TgiInvalidInputError,
    "Tool error": TgiInvalidInputError,
    "Model is overloaded": TgiOverloadedError,
}


def failure_of_answer(status: int, text: str, server: str) -> InfernetMLException:
    """Returns the error that an answer with an error status stands for.

    Args:
        text: body of the answer, JSON or not.
        server: where it came from, for texts that name it.
    """
    message, error_type = _parts(text)
    match status:
        case HTTPStatus.BAD_GATEWAY | HTTPStatus.SERVICE_UNAVAILABLE:
            return TgiUnavailableError(f"{server} is not available: {status} {message}")
        case _ if error_type in _BY_TYPE:
            return _BY_TYPE[error_type](message)
        case _ if status in _INPUT_REFUSED:
            return TgiInvalidInputError(message or f"{server} refuses the input: {status}")
        case _ if error_type is not None:
            return TgiBadAnswerError(f"{server} answered {status}: {message}")
        case HTTPStatus.UNAUTHORIZED:
            return _unauthorized(server)
        case HTTPStatus.FORBIDDEN if _TOKEN_PROBLEM.search(message):
            return _unauthorized(server)
        case HTTPStatus.FORBIDDEN | HTTPStatus.FAILED_DEPENDENCY:
            return TgiUnavailableError(f"{server} is not ready: {status} {message}")
        case HTTPStatus.TOO_MANY_REQUESTS:
            return TgiOverloadedError(message or f"{server} limits the rate of requests")
        case HTTPStatus.GATEWAY_TIMEOUT:
            return TgiShardTimeoutError(f"{server} waited for its shard in vain: {message}")
        case _:
            return TgiBadAnswerError(f"{server} answered {status}: {message}")


def failure_of_hub_error(error: TextGenerationError) -> InfernetMLException:
    """Returns the error that an error event in a stream stands for.

    The client library has turned the type of the event into a class. Events of the chat
    route have no type, and always say 422: their text alone tells what happened.
    """
    content = error.args[0] if error.args else None
    message = str(content.get("message", content) if isinstance(content, dict) else content)
    for hub_class, kind in _BY_HUB_CLASS.items():
        if isinstance(error, hub_class):
            return kind(message)
    for prefix, kind in _BY_PREFIX.items():
        if message.startswith(prefix):
            return kind(message)
    return TgiGenerationError(message)


def _parts(text: str) -> tuple[str, str | None]:
    """Returns message and ``error_type`` of a body; a body of another shape is the message.

    Servers of the OpenAI-compatible API have types of their own, which say less than the
    status does.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        content = None
    match content:
        case {"error": str(message), **others}:
            error_type = others.get("error_type")
            return message, None if error_type is None else str(error_type)
        case {"error": {"message": str(message)}} | {"object": "error", "message": str(message)}:
            return message, None
        case _:
            return text.strip()[:_EXCERPT], None


def _unauthorized(server: str) -> InfernetMLException:
    return TgiUnauthorizedError(f"{server} refused the configured token, or wants one")
