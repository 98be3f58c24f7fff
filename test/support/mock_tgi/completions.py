"""The OpenAI-style route for prompts without roles, on top of the same generation."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

from test.support.mock_tgi.chat import finish_reason, openai_parameters
from test.support.mock_tgi.exchange import Exchange, Slots
from test.support.mock_tgi.failures import TgiFailure
from test.support.mock_tgi.generation import Generation, generate
from test.support.mock_tgi.native import silence
from test.support.mock_tgi.parameters import WrongShapeError
from test.support.mock_tgi.settings import Settings
from test.support.mock_tgi.sse import DONE, event
from test.support.mock_tgi.validation import check


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
        native = {}
        if body.get("repetition_penalty") is not None:
            native["repetition_penalty"] = body["repetition_penalty"]
        self.parameters = openai_parameters(body, native)
        self.model = body.get("model") or settings.model_id

    def run(self, prompt: str, exchange: Exchange) -> Generation:
        """Validates a prompt and generates.

        Raises:
            TgiFailure: for a broken rule.
        """
        length = check(prompt, self.parameters, exchange.settings)
        return generate(
            prompt,
            self.parameters,
            exchange.settings,
            input_length=length,
            answer=exchange.behaviour.answer(),
        )


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
            generation = completion.run(prompt, exchange)
            for position in range(len(generation.best.tokens)):
                exchange.pause(exchange.delay_before(position))
                exchange.sent_token()
            generations.append(generation)
            exchange.succeeded(generation, completion.parameters)
    choices = [
        _choice(index, generation.best.text, finish_reason(generation))
        for index, generation in enumerate(generations)
    ]
    envelope = _envelope(completion, exchange.settings)
    return {**envelope, "choices": choices, "usage": _usage(generations)}


def stream(completion: Completion, exchange: Exchange, slots: Slots) -> Iterator[bytes]:
    """Yields the chunks of a streamed answer, prompt by prompt; failures are events too.

    Raises:
        CallerGoneError: if the caller left before the end.
    """
    yield b""  # status and headers leave at once, before anything is generated
    spaced = exchange.settings.space_after_colon
    envelope = _envelope(completion, exchange.settings)
    try:
        exchange.begin()
        for index, prompt in enumerate(completion.prompts):
            with slots.one():
                generation = completion.run(prompt, exchange)
                last = len(generation.best.tokens) - 1
                for position, token in enumerate(generation.best.tokens):
                    yield from silence(exchange, position)
                    exchange.sent_token()
                    text = "" if token.special else token.text
                    chunk = {**envelope, "choices": [_choice(index, text, "")]}
                    if position == last:
                        reason = generation.best.finish_reason
                        chunk["choices"] = [_choice(index, text, reason)]
                        chunk["usage"] = _usage([generation])
                    yield event(chunk, spaced=spaced)
                exchange.succeeded(generation, completion.parameters)
    except TgiFailure as failure:
        exchange.failed(failure)
        yield event(failure.as_json(), spaced=spaced)
    yield event(DONE, spaced=spaced)


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


def _envelope(completion: Completion, settings: Settings) -> dict[str, Any]:
    return {
        "object": "text_completion",
        "id": "",
        "created": int(time.time()),
        "model": completion.model,
        "system_fingerprint": f"{settings.version}-native",
    }


def _usage(generations: list[Generation]) -> dict[str, int]:
    asked = sum(generation.input_length for generation in generations)
    generated = sum(len(generation.best.tokens) for generation in generations)
    return {
        "prompt_tokens": asked,
        "completion_tokens": generated,
        "total_tokens": asked + generated,
    }
