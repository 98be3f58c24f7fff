"""What a job asks: a prompt or a chat, with parameters of its own."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from infernet_protocol.messages import JobLocation
from tgi_service import strict_json
from tgi_service.config import Settings
from tgi_service.envelope import Envelope
from tgi_service.errors import InvalidRequestError
from tgi_service.onchain import decode_input, read_hex
from tgi_service.parameters import read_parameters

_TEXT_NAMES = ("text", "prompt", "inputs", "output")
"""Names of the prompt; the first is Infernet's, the last that of a service's own answer."""
_IMAGE = "![]("
"""How a prompt begins to name an image that TGI fetches."""
_MAX_NESTING = 32


@dataclass(frozen=True, slots=True)
class Question:
    """A prompt (``text``) or a chat (``messages``).

    Attributes:
        raw_input: the hex text it came in, or nothing if it came off-chain.
        parameters: generation parameters, over the configured ones.
        wants_details: whether TGI's details belong into the answer.
    """

    text: str
    raw_input: str = ""
    messages: tuple[Mapping[str, Any], ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    wants_details: bool = False


def read_question(envelope: Envelope, settings: Settings) -> Question:
    """Reads the data of a job and holds it against the configured limits.

    Raises:
        InvalidRequestError: naming the field and the reason.
    """
    question = (
        _onchain(envelope.data)
        if envelope.source is JobLocation.ONCHAIN
        else _offchain(envelope.data)
    )
    _check_limits(question, settings)
    return question


def _offchain(data: Any) -> Question:
    if not isinstance(data, dict):
        raise InvalidRequestError("data must be an object when source is 1 (off-chain)")
    messages = _messages(data.get("messages"), "data.messages")
    name = next((name for name in _TEXT_NAMES if name in data), None)
    if name is None and not messages:
        raise InvalidRequestError("data.text is missing")
    if name is not None and messages:
        raise InvalidRequestError(f"data.{name} and data.messages exclude each other")
    wants_details = data.get("details")
    if wants_details is not None and not isinstance(wants_details, bool):
        raise InvalidRequestError("data.details must be true or false")
    return Question(
        text="" if name is None else _text(data[name], f"data.{name}"),
        messages=messages,
        parameters=_parameters(data.get("parameters"), "data.parameters"),
        wants_details=bool(wants_details),
    )


def _onchain(data: Any) -> Question:
    raw_input = read_hex(data)
    text, options = decode_input(bytes.fromhex(raw_input))
    messages = _messages(options.get("messages"), "data: messages")
    if text and messages:
        raise InvalidRequestError("data: text and messages exclude each other")
    return Question(
        text="" if messages else _text(text, "data: text"),
        raw_input=raw_input,
        messages=messages,
        parameters=_parameters(options.get("parameters"), "data: parameters"),
    )


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise InvalidRequestError(f"{name} must be a string")
    if not value:
        raise InvalidRequestError(f"{name} must not be empty")
    return value


def _messages(value: Any, name: str) -> tuple[Mapping[str, Any], ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not value or strict_json.is_deeper(value, _MAX_NESTING):
        raise InvalidRequestError(f"{name} must be a non-empty list of messages")
    for message in value:
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise InvalidRequestError(f"{name}: each message must be an object with a role")
        content = message.get("content")
        if not isinstance(content, str | list) and "tool_calls" not in message:
            raise InvalidRequestError(f"{name}: each message must have a content")
        if isinstance(content, list) and not all(isinstance(part, dict) for part in content):
            raise InvalidRequestError(f"{name}: each part of a content must be an object")
    return tuple(value)


def _parameters(value: Any, name: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict) or strict_json.is_deeper(value, _MAX_NESTING):
        raise InvalidRequestError(f"{name} must be an object")
    try:
        return read_parameters(value)
    except ValueError as error:
        raise InvalidRequestError(f"{name}: {error}") from None


def _check_limits(question: Question, settings: Settings) -> None:
    texts = [question.text, *_texts_of(question.messages)]
    limit = settings.max_input_chars
    length = sum(map(len, texts))
    if limit is not None and length > limit:
        raise InvalidRequestError(f"the input has {length} characters, the limit is {limit}")
    limit = settings.max_new_tokens_limit
    if limit is not None and "max_new_tokens" in question.parameters:
        wanted = question.parameters["max_new_tokens"]
        if wanted is None or wanted > limit:
            raise InvalidRequestError(f"max_new_tokens must be {limit} at most")
    if not settings.allow_image_urls and (
        any(_IMAGE in text for text in texts) or _has_image_part(question.messages)
    ):
        raise InvalidRequestError("images are not allowed: TGI would fetch their address")


def _texts_of(messages: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for message in messages:
        content = message.get("content")
        for part in content if isinstance(content, list) else [{"text": content}]:
            text = part.get("text")
            if isinstance(text, str):
                yield text


def _has_image_part(messages: Sequence[Mapping[str, Any]]) -> bool:
    return any(
        "image_url" in part
        for message in messages
        if isinstance(message.get("content"), list)
        for part in message["content"]
    )
