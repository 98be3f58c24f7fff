"""The OpenAI-style chat route, on top of the same generation."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

from test.support.mock_tgi.exchange import Exchange, Slots
from test.support.mock_tgi.failures import TgiFailure
from test.support.mock_tgi.generation import Generation, generate
from test.support.mock_tgi.native import interruption, silence
from test.support.mock_tgi.parameters import (
    Parameters,
    WrongShapeError,
    read_flag,
    read_parameters,
)
from test.support.mock_tgi.settings import Settings
from test.support.mock_tgi.sse import DONE, event
from test.support.mock_tgi.tokens import Token
from test.support.mock_tgi.validation import check

_SAME_NAME = ("temperature", "top_p", "seed", "frequency_penalty")
_FINISH_REASONS = {"eos_token": "stop"}


class Chat:
    """A chat request whose shape is right; not yet validated."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        """Reads a request body.

        Raises:
            WrongShapeError: if a field is missing or of a wrong type.
        """
        messages = body.get("messages")
        if not isinstance(messages, list):
            raise WrongShapeError("missing field `messages`")
        turns = [(_role(message), _content(message)) for message in messages]
        self.templated = "\n".join(f"<|{role}|> {content}" for role, content in turns)
        self.question = next(
            (content for role, content in reversed(turns) if role == "user"), self.templated
        )
        self.parameters = _parameters(body)
        self.model = body.get("model")
        options = body.get("stream_options") or {}
        self.include_usage = read_flag(options, "include_usage")

    def run(self, exchange: Exchange) -> Generation:
        """Goes through the scripted silence, validates and generates.

        Raises:
            TgiFailure: for a broken rule.
        """
        exchange.begin()
        length = check(self.templated, self.parameters, exchange.settings)
        return generate(
            self.question,
            self.parameters,
            exchange.settings,
            input_length=length,
            answer=exchange.behaviour.answer(),
        )


def whole_answer(chat: Chat, exchange: Exchange, slots: Slots) -> dict[str, Any]:
    """Generates and returns the object of an answer in one piece.

    Raises:
        TgiFailure: for a broken rule, or no free slot.
        CallerGoneError: if the caller left before the end.
    """
    with slots.one():
        generation = chat.run(exchange)
        for position in range(len(generation.best.tokens)):
            exchange.pause(exchange.delay_before(position))
            exchange.sent_token()
        exchange.succeeded(generation, chat.parameters)
    message = {"role": "assistant", "content": generation.best.text}
    return {
        **_envelope(chat, exchange.settings, "chat.completion"),
        "choices": [
            {
                "index": 0,
                "message": message,
                "logprobs": None,
                "finish_reason": finish_reason(generation),
            }
        ],
        "usage": _usage(generation),
    }


def stream(chat: Chat, exchange: Exchange, slots: Slots) -> Iterator[bytes]:
    """Yields the chunks of a streamed answer; failures are events too.

    Raises:
        BrokenOffError: where the script breaks the transfer.
        CallerGoneError: if the caller left before the end.
    """
    yield b""  # status and headers leave at once, before anything is generated
    spaced = exchange.settings.space_after_colon
    try:
        with slots.one():
            generation = chat.run(exchange)
            last = len(generation.best.tokens) - 1
            for position, token in enumerate(generation.best.tokens):
                if position == exchange.behaviour.after:
                    if exchange.behaviour.then != "hold":
                        yield from interruption(exchange)
                        return
                    exchange.hold()
                yield from silence(exchange, position)
                reason = finish_reason(generation) if position == last else None
                exchange.sent_token()
                yield event(_chunk(chat, exchange.settings, token, reason), spaced=spaced)
            if chat.include_usage:
                usage = {"choices": [], "usage": _usage(generation)}
                envelope = _envelope(chat, exchange.settings, "chat.completion.chunk")
                yield event(envelope | usage, spaced=spaced)
            exchange.succeeded(generation, chat.parameters)
    except TgiFailure as failure:
        exchange.failed(failure)
        error = {"message": failure.error, "http_status_code": 422}
        yield event({"error": error}, spaced=spaced)
    yield event(DONE, spaced=spaced)


def _role(message: Any) -> str:
    if not isinstance(message, dict) or not isinstance(message.get("role"), str):
        raise WrongShapeError("messages: missing field `role`")
    return str(message["role"])


def _content(message: Mapping[str, Any]) -> str:
    content = message.get("content", "")
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise WrongShapeError("messages: data did not match any variant of untagged enum")
    return "".join(
        part["text"] if part.get("type") == "text" else f"![]({part['image_url']['url']})"
        for part in content
    )


def _parameters(body: Mapping[str, Any]) -> Parameters:
    native: dict[str, Any] = {}
    if body.get("presence_penalty") is not None:
        native["repetition_penalty"] = body["presence_penalty"] + 2.0
    if body.get("response_format") is not None:
        native["grammar"] = body["response_format"]
    return openai_parameters(body, native)


def openai_parameters(body: Mapping[str, Any], native: Mapping[str, Any]) -> Parameters:
    """Translates to native parameters: temperature 0 is greedy, none at all means sampling.

    Args:
        native: further parameters, translated already.

    Raises:
        WrongShapeError: if one is of a wrong type.
    """
    same = {name: body[name] for name in _SAME_NAME if body.get(name) is not None}
    greedy = same.get("temperature") == 0
    if greedy:
        del same["temperature"]
    translated = {
        "do_sample": not greedy,
        "max_new_tokens": body.get("max_tokens", body.get("max_completion_tokens")),
        "stop": body.get("stop") or [],
    }
    return read_parameters({"parameters": {**same, **translated, **native}})


def _envelope(chat: Chat, settings: Settings, kind: str) -> dict[str, Any]:
    own = chat.model in {None, "tgi"}
    return {
        "object": kind,
        "id": "",
        "created": int(time.time()),
        "model": settings.model_id if own else chat.model,
        "system_fingerprint": f"{settings.version}-native",
    }


def _chunk(chat: Chat, settings: Settings, token: Token, reason: str | None) -> dict[str, Any]:
    delta = {"role": "assistant", "content": "" if token.special else token.text}
    return {
        **_envelope(chat, settings, "chat.completion.chunk"),
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}],
        "usage": None,
    }


def finish_reason(generation: Generation) -> str:
    """Returns why an answer in one piece ended, in the words of that API."""
    reason = generation.best.finish_reason
    return _FINISH_REASONS.get(reason, reason)


def _usage(generation: Generation) -> dict[str, int]:
    generated = len(generation.best.tokens)
    return {
        "prompt_tokens": generation.input_length,
        "completion_tokens": generated,
        "total_tokens": generation.input_length + generated,
    }
