"""The OpenAI-style chat route, on top of the same generation."""

from collections.abc import Iterator, Mapping
from typing import Any

from test.support.mock_tgi import tools
from test.support.mock_tgi.exchange import Exchange, Slots
from test.support.mock_tgi.failures import TgiFailure
from test.support.mock_tgi.generation import Generation
from test.support.mock_tgi.openai_api import envelope, finish_reason, translated, usage
from test.support.mock_tgi.pacing import StreamEndedError, compose, take_time, token_events
from test.support.mock_tgi.parameters import (
    Parameters,
    WrongShapeError,
    read_count,
    read_flag,
    read_number,
    read_text,
)
from test.support.mock_tgi.settings import Settings
from test.support.mock_tgi.sse import DONE, event
from test.support.mock_tgi.tokens import Token, alternatives


class Chat:
    """A chat request whose shape is right; not yet validated."""

    def __init__(self, body: Mapping[str, Any], settings: Settings) -> None:
        """Reads a request body.

        Raises:
            WrongShapeError: if a field is missing or of a wrong type.
            TgiFailure: if the chat cannot be prepared for the model.
        """
        messages = body.get("messages")
        if not isinstance(messages, list):
            raise WrongShapeError("missing field `messages`")
        turns = [(_role(message), _content(message)) for message in messages]
        self.templated = "\n".join(f"<|{role}|> {content}" for role, content in turns)
        self.question = next(
            (content for role, content in reversed(turns) if role == "user"), self.templated
        )
        self.shows_logprobs = bool(body.get("logprobs") is not None and read_flag(body, "logprobs"))
        self.tool = tools.chosen(body, self.question)
        self.parameters = _parameters(body, self.tool)
        model = read_text(body, "model")
        self.model = settings.model_id if model in {None, "tgi"} else str(model)
        self.include_usage = _include_usage(body.get("stream_options"))
        if not settings.chat_template:
            raise TgiFailure("template_error", "Template error: template not found")

    def run(self, exchange: Exchange) -> Generation:
        """Goes through the scripted silence, validates and generates.

        Raises:
            TgiFailure: for a broken rule.
        """
        exchange.begin()
        return compose(self.question, self.parameters, exchange, templated=self.templated)

    def logprobs(self, shown: list[Token]) -> dict[str, Any] | None:
        """Returns what is reported about tokens, if it was asked for."""
        if not self.shows_logprobs:
            return None
        count = self.parameters.top_n_tokens or 0
        return {
            "content": [
                {
                    **_likelihood(token),
                    "top_logprobs": [_likelihood(other) for other in alternatives(token, count)]
                    if count
                    else [],
                }
                for token in shown
            ]
        }


def whole_answer(chat: Chat, exchange: Exchange, slots: Slots) -> dict[str, Any]:
    """Generates and returns the object of an answer in one piece.

    Raises:
        TgiFailure: for a broken rule, or no free slot.
        CallerGoneError: if the caller left before the end.
    """
    with slots.one():
        generation = chat.run(exchange)
        take_time(generation, chat.parameters, exchange)
    text = generation.best.text
    said = {"tool_calls": [chat.tool.whole_call(text)]} if chat.tool else {"content": text}
    choice = {
        "index": 0,
        "message": {"role": "assistant", **said},
        "logprobs": chat.logprobs(generation.best.tokens),
        "finish_reason": finish_reason(generation),
    }
    return {
        **envelope("chat.completion", chat.model, exchange.settings),
        "choices": [choice],
        "usage": usage([generation]),
    }


def stream(chat: Chat, exchange: Exchange, slots: Slots) -> Iterator[bytes]:
    """Yields the chunks of a streamed answer; failures are events too.

    Raises:
        BrokenOffError: where the script breaks the transfer.
        CallerGoneError: if the caller left before the end.
    """
    yield b""  # status and headers leave at once, before anything is generated
    spaced = exchange.settings.space_after_colon
    beginning = envelope("chat.completion.chunk", chat.model, exchange.settings)
    try:
        with slots.one():
            generation = chat.run(exchange)

            def chunk(position: int, token: Token, last: bool) -> dict[str, Any]:
                reason = finish_reason(generation) if last else None
                return {
                    **beginning,
                    "choices": [_choice(chat, position, token, reason)],
                    "usage": None,
                }

            yield from token_events(generation, exchange, chunk)
            if chat.include_usage:
                counts = {"choices": [], "usage": usage([generation])}
                yield event(beginning | counts, spaced=spaced)
            exchange.succeeded(generation, chat.parameters)
    except StreamEndedError:
        return
    except TgiFailure as failure:
        exchange.failed(failure)
        error = {"message": failure.error, "http_status_code": 422}
        yield event({"error": error}, spaced=spaced)
    yield event(DONE, spaced=spaced)


def _choice(chat: Chat, position: int, token: Token, reason: str | None) -> dict[str, Any]:
    text = "" if token.special else token.text
    said = (
        {"tool_calls": [chat.tool.partial_call(position, text)]} if chat.tool else {"content": text}
    )
    return {
        "index": 0,
        "delta": {"role": "assistant", **said},
        "logprobs": chat.logprobs([token]),
        "finish_reason": reason,
    }


def _likelihood(token: Token) -> dict[str, Any]:
    return {"token": token.text, "logprob": token.logprob}


def _role(message: Any) -> str:
    if not isinstance(message, dict) or not isinstance(message.get("role"), str):
        raise WrongShapeError("messages: missing field `role`")
    return str(message["role"])


def _content(message: Mapping[str, Any]) -> str:
    match message.get("content"):
        case str(text):
            return text
        case list(parts):
            return "".join(map(_part, parts))
        case None if "tool_calls" in message:
            return ""
        case _:
            raise WrongShapeError("messages: data did not match any variant of untagged enum")


def _part(part: Any) -> str:
    match part:
        case {"type": "text", "text": str(text)}:
            return text
        case {"type": "image_url", "image_url": {"url": str(url)}}:
            return f"![]({url})"
        case _:
            raise WrongShapeError("messages: unknown variant, expected `text` or `image_url`")


def _include_usage(options: Any) -> bool:
    if options is None:
        return False
    if not isinstance(options, dict):
        raise WrongShapeError("stream_options: invalid type, expected struct StreamOptions")
    return read_flag(options, "include_usage")


def _parameters(body: Mapping[str, Any], tool: tools.Tool | None) -> Parameters:
    native: dict[str, Any] = {}
    penalty = read_number(body, "presence_penalty")
    if penalty is not None:
        native["repetition_penalty"] = penalty + 2.0
    if body.get("response_format") is not None:
        native["grammar"] = body["response_format"]
    if tool is not None:
        native["grammar"] = tool.grammar()
    native["top_n_tokens"] = read_count(body, "top_logprobs")
    return translated(body, native)
