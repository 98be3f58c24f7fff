"""Generation parameters: which there are, what values they take, how they are combined.

Checked here are the limits that every TGI server has. Those that its operator chooses
(number of stop sequences, token budgets and the like) are left to the server, which refuses
in its own words.
"""

from collections.abc import Callable, Mapping
from typing import Any

from tgi_service import strict_json
from tgi_service.errors import InvalidRequestError

Complaint = str | None
Check = Callable[[Any], Complaint]

DEFAULTS: Mapping[str, Any] = {
    "do_sample": False,
    "max_new_tokens": 20,
    "return_full_text": False,
    "watermark": False,
    "stop": [],
    "details": True,
}
"""Sent with every request unless configured otherwise. TGI's own defaults differ."""

NOT_FOR_STREAMS = frozenset({"best_of", "decoder_input_details"})
"""TGI refuses these when streaming."""

NOT_FOR_CHATS = frozenset(
    {
        "adapter_id",
        "best_of",
        "decoder_input_details",
        "top_k",
        "top_n_tokens",
        "truncate",
        "typical_p",
        "watermark",
    }
)
"""TGI's chat route has no counterpart of these."""

NOT_FOR_OPENAI = NOT_FOR_CHATS | {"repetition_penalty", "return_full_text"}
"""The OpenAI-compatible API has no counterpart of these."""


def _boolean(value: Any) -> Complaint:
    return None if isinstance(value, bool) else "must be true or false"


def _text(value: Any) -> Complaint:
    return None if isinstance(value, str) and value else "must be a non-empty string"


def _texts(value: Any) -> Complaint:
    if isinstance(value, list) and all(isinstance(item, str) and item for item in value):
        return None
    return "must be a list of non-empty strings"


def _integer(low: int, high: int) -> Check:
    def check(value: Any) -> Complaint:
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return None
        return f"must be an integer from {low} to {high}"

    return check


def _number(expected: str, within: Callable[[float], bool]) -> Check:
    def check(value: Any) -> Complaint:
        return None if strict_json.is_number(value) and within(value) else f"must be {expected}"

    return check


def _grammar(value: Any) -> Complaint:
    kinds = ("json", "json_object", "json_schema", "regex")
    if not isinstance(value, Mapping) or value.get("type") not in kinds or "value" not in value:
        return f'must be an object with "type" (one of {", ".join(kinds)}) and "value"'
    return None


_positive = _number("a number above 0", lambda value: value > 0)
_fraction = _number("a number above 0 and below 1", lambda value: 0 < value < 1)
_U32, _U64, _I32 = 2**32 - 1, 2**64 - 1, 2**31 - 1
_CHECKS: Mapping[str, Check] = {
    "adapter_id": _text,
    "best_of": _integer(1, _U32),
    "decoder_input_details": _boolean,
    "details": _boolean,
    "do_sample": _boolean,
    "frequency_penalty": _number("a number from -2 to 2", lambda value: -2 <= value <= 2),
    "grammar": _grammar,
    "max_new_tokens": _integer(1, _U32),
    "repetition_penalty": _positive,
    "return_full_text": _boolean,
    "seed": _integer(0, _U64),
    "stop": _texts,
    "temperature": _positive,
    "top_k": _integer(1, _I32),
    "top_n_tokens": _integer(0, _U32),
    "top_p": _fraction,
    "truncate": _integer(1, _U32),
    "typical_p": _fraction,
    "watermark": _boolean,
}
_IMPLY_SAMPLING = frozenset({"temperature", "top_k", "top_p", "typical_p"})
_OTHER_NAMES = {"stop_sequences": "stop"}


def read_parameters(given: Mapping[str, Any]) -> dict[str, Any]:
    """Checks parameters and returns them under TGI's names.

    ``None`` is a valid value of each: not set.

    Raises:
        ValueError: naming the parameter and what it must be.
    """
    parameters: dict[str, Any] = {}
    for name, value in given.items():
        known = _OTHER_NAMES.get(name, name)
        if known not in _CHECKS:
            raise ValueError(f"{name} is no generation parameter; these are: {_names()}")
        complaint = None if value is None else _CHECKS[known](value)
        if complaint:
            raise ValueError(f"{name} {complaint}")
        if known in parameters:
            raise ValueError(f"{name} says the same as {known}: give one of them")
        parameters[known] = value
    return parameters


def merge(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Lays parameters over one another, the last on top, and leaves out what is ``None``."""
    merged: dict[str, Any] = {}
    for layer in layers:
        merged.update(layer)
    return {name: value for name, value in merged.items() if value is not None}


def set_names(parameters: Mapping[str, Any]) -> frozenset[str]:
    """Returns the names of parameters that have a value."""
    return frozenset(name for name, value in parameters.items() if value is not None)


def for_chat(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Translates native parameters to those of TGI's ``/v1/chat/completions``.

    That route samples unless the temperature is 0, and counts its presence penalty from -2.
    """
    chat = _for_any_chat(parameters)
    if "repetition_penalty" in parameters:
        chat["presence_penalty"] = parameters["repetition_penalty"] - 2.0
    if "grammar" in parameters:
        chat["response_format"] = _response_format(parameters["grammar"])
    return chat


def for_openai(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Translates native parameters to those of any other ``/v1/chat/completions``.

    Raises:
        InvalidRequestError: if the grammar is no JSON schema.
    """
    chat = _for_any_chat(parameters)
    if not chat.get("stop"):
        chat.pop("stop", None)  # some servers refuse an empty list
    if "grammar" in parameters:
        chat["response_format"] = _openai_format(parameters["grammar"])
    return chat


def _for_any_chat(parameters: Mapping[str, Any]) -> dict[str, Any]:
    chat: dict[str, Any] = {
        name: parameters[name]
        for name in ("frequency_penalty", "seed", "stop", "temperature", "top_p")
        if name in parameters
    }
    chat["max_tokens"] = parameters.get("max_new_tokens")
    if not parameters.get("do_sample") and not parameters.keys() & _IMPLY_SAMPLING:
        chat["temperature"] = 0.0
    return {name: value for name, value in chat.items() if value is not None}


def _openai_format(grammar: Mapping[str, Any]) -> dict[str, Any]:
    value = grammar["value"]
    named = grammar["type"] == "json_schema" and isinstance(value, Mapping)
    schema = value.get("schema") if named else value
    if isinstance(schema, str) and grammar["type"] != "regex":
        try:
            schema = strict_json.loads(schema)
        except ValueError:
            schema = None
    if not isinstance(schema, Mapping):
        raise InvalidRequestError("grammar must be a JSON schema: the server knows no other")
    name = value.get("name", "answer") if named else "answer"
    return {"type": "json_schema", "json_schema": {"name": name, "schema": schema}}


def _response_format(grammar: Mapping[str, Any]) -> dict[str, Any]:
    if grammar["type"] == "json_schema" and isinstance(grammar["value"], Mapping):
        return {"type": "json_object", "value": grammar["value"].get("schema")}
    return dict(grammar)


def _names() -> str:
    return ", ".join(sorted(_CHECKS))
