"""The OpenAI-style route for prompts without roles, on top of the same generation."""

from collections.abc import Iterator, Mapping
from typing import Any

from test.support.mock_tgi.exchange import Exchange, Slots
from test.support.mock_tgi.failures import TgiFailure
from test.support.mock_tgi.openai_api import envelope, finish_reason, translated, usage
from test.support.mock_tgi.pacing import StreamEndedError, compose, take_time, token_events
from test.support.mock_tgi.parameters import WrongShapeError, read_text
from test.support.mock_tgi.settings import Settings
from test.support.mock_tgi.sse import DONE, event
from test.support.mock_tgi.tokens import Token

_KIND = "text_completion"


class Completion:
    """A request whose shape is right; not yet validated."""

    def __init__(self, body: Mapping[str, Any], settings: Settings) -> None:
        """Reads a request body.

        Raises:
            WrongShapeError: if a field is missing or of a wrong type.
            TgiFailure: for what TGI knows and refuses.
        """
        self.prompts = _prompts(body)
        if body.get("suffix") is not None:
            raise TgiFailure("suffix not supported", "`suffix` is not supported")
        limit = settings.max_client_batch_size
        if len(self.prompts) > limit:
            raise TgiFailure(
                "batch size exceeded",
                f"Number of prompts exceeds the maximum allowed batch size of {limit}",
            )
        native = {"repetition_penalty": body.get("repetition_penalty")}
        self.parameters = translated(body, native)
        self.model = read_text(body, "model") or settings.model_id


def whole_answer(completion: Completion, exchange: Exchange, slots: Slots) -> dict[str, Any]:
    """Generates and returns the object of an answer in one piece.

    Raises:
        TgiFailure: for a broken rule, or no free slot.
        CallerGoneError: if the caller left before the end.
    """
    exchange.begin()
    generations = []
    for prompt in completion.prompts:
        with slots.one():
            generation = compose(prompt, completion.parameters, exchange)
            take_time(generation, completion.parameters, exchange)
            generations.append(generation)
    choices = [
        _choice(index, generation.best.text, finish_reason(generation))
        for index, generation in enumerate(generations)
    ]
    beginning = envelope(_KIND, completion.model, exchange.settings)
    return {**beginning, "choices": choices, "usage": usage(generations)}


def stream(completion: Completion, exchange: Exchange, slots: Slots) -> Iterator[bytes]:
    """Yields the chunks of a streamed answer, prompt by prompt; failures are events too.

    Raises:
        BrokenOffError: where the script breaks the transfer.
        CallerGoneError: if the caller left before the end.
    """
    yield b""  # status and headers leave at once, before anything is generated
    spaced = exchange.settings.space_after_colon
    try:
        exchange.begin()
        for index, prompt in enumerate(completion.prompts):
            with slots.one():
                yield from _one(completion, exchange, index, prompt)
    except StreamEndedError:
        return
    except TgiFailure as failure:
        exchange.failed(failure)
        yield event(failure.as_json(), spaced=spaced)
    yield event(DONE, spaced=spaced)


def _one(completion: Completion, exchange: Exchange, index: int, prompt: str) -> Iterator[bytes]:
    generation = compose(prompt, completion.parameters, exchange)
    beginning = envelope(_KIND, completion.model, exchange.settings)

    def chunk(_position: int, token: Token, last: bool) -> dict[str, Any]:
        text = "" if token.special else token.text
        if not last:
            return {**beginning, "choices": [_choice(index, text, "")]}
        choice = _choice(index, text, generation.best.finish_reason)
        return {**beginning, "choices": [choice], "usage": usage([generation])}

    yield from token_events(generation, exchange, chunk)
    exchange.succeeded(generation, completion.parameters)


def _prompts(body: Mapping[str, Any]) -> list[str]:
    prompt = body.get("prompt")
    prompts = [prompt] if isinstance(prompt, str) else prompt
    if not isinstance(prompts, list) or not prompts:
        raise WrongShapeError("missing field `prompt`")
    if not all(isinstance(text, str) for text in prompts):
        raise WrongShapeError("prompt: data did not match any variant of untagged enum Prompt")
    return prompts


def _choice(index: int, text: str, reason: str) -> dict[str, Any]:
    return {"index": index, "text": text, "logprobs": None, "finish_reason": reason}
