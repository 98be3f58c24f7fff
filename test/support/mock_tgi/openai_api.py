"""What the chat and the completions route share: the ways of the OpenAI API."""

import time
from collections.abc import Iterable, Mapping
from typing import Any

from test.support.mock_tgi.generation import Generation
from test.support.mock_tgi.parameters import Parameters, read_parameters
from test.support.mock_tgi.settings import Settings

_SAME_NAME = ("temperature", "top_p", "seed", "frequency_penalty")
_FINISH_REASONS = {"eos_token": "stop"}


def translated(body: Mapping[str, Any], native: Mapping[str, Any]) -> Parameters:
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
    stop = body.get("stop")
    others = {
        "do_sample": not greedy,
        "max_new_tokens": body.get("max_tokens", body.get("max_completion_tokens")),
        "stop": [] if stop is None else stop,
    }
    return read_parameters({"parameters": {**same, **others, **native}})


def envelope(kind: str, model: str, settings: Settings) -> dict[str, Any]:
    """Returns the fields that every answer and every chunk begins with."""
    return {
        "object": kind,
        "id": "",
        "created": int(time.time()),
        "model": model,
        "system_fingerprint": f"{settings.version}-native",
    }


def finish_reason(generation: Generation) -> str:
    """Returns why an answer in one piece ended, in the words of that API."""
    reason = generation.best.finish_reason
    return _FINISH_REASONS.get(reason, reason)


def usage(generations: Iterable[Generation]) -> dict[str, int]:
    """Returns how many tokens were read and written."""
    counts = [(each.input_length, len(each.best.tokens)) for each in generations]
    asked, generated = map(sum, zip(*counts, strict=True))
    return {
        "prompt_tokens": asked,
        "completion_tokens": generated,
        "total_tokens": asked + generated,
    }
