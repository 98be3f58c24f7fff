"""What is said about input of the wrong form: the key, the reason, the fix; never a secret."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

_PROBLEMS = "problems"
_SECRET_KEYS = {
    "private_key",
    "bearer",
    "broker",
    "password",
    "rpc_url",
    "ws_url",
    "url",
    "env",
    "api_keys",  # what stands there for a name or a hash may be the key itself
    "status_token",
}
# No secret is that short, so that showing a wrong value helps and cannot hurt.
_LONGEST_SHOWN = 24

_EXPECTED = {
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "dict_type": "must be an object {...}",
    "finite_number": "must be a finite number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number of fewer digits",
    "int_type": "must be a whole number",
    "list_type": "must be a list [...]",
    "model_type": "must be an object {...}",
    "tuple_type": "must be a list [...]",
    "string_type": 'must be text in "double quotes"',
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to repair."""

    key: str
    """Path in the document, e.g. ``containers[0].port``."""
    reason: str
    """What is wrong and what is right instead."""

    def __str__(self) -> str:
        return f"{self.key}: {self.reason}" if self.key else self.reason


def raise_problems(problems: Sequence[tuple[str, str]]) -> None:
    """Reports from within a validator several (key below the validated one, reason) at once."""
    if problems:
        raise PydanticCustomError(_PROBLEMS, "several problems", {_PROBLEMS: list(problems)})


def problems_of(error: ValidationError) -> list[Problem]:
    """Turns pydantic's report into ours."""
    return [
        problem
        for detail in error.errors(include_url=False)
        for problem in _problems_of_detail(detail)
    ]


def key_path(location: Sequence[int | str]) -> str:
    """Writes ``("containers", 0, "port")`` as ``containers[0].port``."""
    path = ""
    for step in location:
        if isinstance(step, int):
            path += f"[{step}]"
        elif step == "[key]":
            path += " (a key)"
        else:
            path += f".{step}" if path else step
    return path


def _problems_of_detail(detail: ErrorDetails) -> list[Problem]:
    key = key_path(detail["loc"])
    context = detail.get("ctx", {})
    if detail["type"] == _PROBLEMS:
        return [
            Problem(f"{key}{below}" if below.startswith("[") else f"{key}.{below}", reason)
            for below, reason in context[_PROBLEMS]
        ]
    return [Problem(key, _reason(detail, context))]


def _reason(detail: ErrorDetails, context: dict[str, Any]) -> str:
    kind = detail["type"]
    if kind == "missing":
        return "is missing; add it"
    if kind == "value_error":
        return f"{context['error']}{_shown(detail)}"
    if detail["input"] is None:
        return "must not be null; give a value, or leave it out where it has a default"
    expected = _EXPECTED.get(kind)
    if expected is None:
        # Limits: "Input should be greater than or equal to 1".
        expected = detail["msg"].replace("Input should", "must", 1)
    return f"{expected}{_shown(detail)}"


def _shown(detail: ErrorDetails) -> str:
    value = detail["input"]
    if any(step in _SECRET_KEYS for step in detail["loc"]):
        return ""
    if isinstance(value, str) and 0 < len(value) <= _LONGEST_SHOWN:
        return f', not "{value}"'
    if isinstance(value, bool):
        return f", not {str(value).lower()}"
    if isinstance(value, int | float) and abs(value) < 10**_LONGEST_SHOWN:
        return f", not {value}"
    return ""
