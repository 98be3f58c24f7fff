"""Generation parameters as TGI reads them: types first (422, plain text), rules later."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any


class WrongShapeError(Exception):
    """Valid JSON of the wrong shape; the text is the reason TGI gives."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """The object ``parameters``; ``None`` means absent."""

    do_sample: bool = False
    max_new_tokens: int | None = None
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    typical_p: float | None = None
    repetition_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    stop: list[str] = field(default_factory=list)
    best_of: int | None = None
    truncate: int | None = None
    return_full_text: bool | None = None
    details: bool = False
    decoder_input_details: bool = False
    top_n_tokens: int | None = None
    watermark: bool = False
    grammar: dict[str, Any] | None = None
    adapter_id: str | None = None

    @property
    def sampling(self) -> bool:
        """True when an answer depends on a seed."""
        options = (self.temperature, self.top_k, self.top_p, self.typical_p)
        return self.do_sample or any(option is not None for option in options)

    @property
    def sequences(self) -> int:
        return self.best_of or 1


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise WrongShapeError(f"{_invalid_type(value)}, expected a boolean")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise WrongShapeError(f"{_invalid_type(value)}, expected a string")
    return value


def _texts(value: Any) -> list[str]:
    if not isinstance(value, list):
        raise WrongShapeError(f"{_invalid_type(value)}, expected a sequence")
    return [_text(item) for item in value]


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise WrongShapeError(f"{_invalid_type(value)}, expected f32")
    return float(value)


def _integer(name: str, low: int, high: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise WrongShapeError(f"{_invalid_type(value)}, expected {name}")
        if not low <= value <= high:
            raise WrongShapeError(f"invalid value: integer `{value}`, expected {name}")
        return value

    return read


def _grammar(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise WrongShapeError(f"{_invalid_type(value)}, expected a map")
    if value.get("type") not in {"json", "json_object", "json_schema", "regex"}:
        raise WrongShapeError("unknown variant, expected one of `json`, `regex`, `json_schema`")
    if "value" not in value:
        raise WrongShapeError("missing field `value`")
    return value


_u32 = _integer("u32", 0, 2**32 - 1)
_u64 = _integer("u64", 0, 2**64 - 1)
_usize = _integer("usize", 0, 2**64 - 1)
_READERS: dict[str, Callable[[Any], Any]] = {
    "do_sample": _boolean,
    "max_new_tokens": _u32,
    "temperature": _number,
    "top_k": _integer("i32", -(2**31), 2**31 - 1),
    "top_p": _number,
    "typical_p": _number,
    "repetition_penalty": _number,
    "frequency_penalty": _number,
    "seed": _u64,
    "stop": _texts,
    "best_of": _usize,
    "truncate": _usize,
    "return_full_text": _boolean,
    "details": _boolean,
    "decoder_input_details": _boolean,
    "top_n_tokens": _u32,
    "watermark": _boolean,
    "grammar": _grammar,
    "adapter_id": _text,
}
_NOT_NULLABLE = frozenset({"do_sample", "stop", "details", "decoder_input_details", "watermark"})


def read_parameters(body: Mapping[str, Any]) -> Parameters:
    """Reads ``parameters`` of a request body; when it is absent, TGI samples.

    Raises:
        WrongShapeError: with the path of the first field of a wrong type.
    """
    if "parameters" not in body:
        return Parameters(do_sample=True)
    given = body["parameters"]
    if not isinstance(given, dict):
        raise WrongShapeError(f"parameters: {_invalid_type(given)}, expected a map")
    return Parameters(
        **{
            name: read_field(given[name], _READERS[name], f"parameters.{name}")
            for name in (spec.name for spec in fields(Parameters))
            if name in given and (given[name] is not None or name in _NOT_NULLABLE)
        }
    )


def read_inputs(body: Mapping[str, Any]) -> str:
    """Reads the required string ``inputs``.

    Raises:
        WrongShapeError: if it is missing or no string.
    """
    if "inputs" not in body:
        raise WrongShapeError("missing field `inputs`")
    return str(read_field(body["inputs"], _text, "inputs"))


def read_flag(body: Mapping[str, Any], name: str) -> bool:
    """Reads an optional boolean that is false when absent and may not be null."""
    return bool(read_field(body.get(name, False), _boolean, name))


def read_number(body: Mapping[str, Any], name: str) -> float | None:
    """Reads an optional number."""
    value = body.get(name)
    return None if value is None else float(read_field(value, _number, name))


def read_count(body: Mapping[str, Any], name: str) -> int | None:
    """Reads an optional number of things."""
    value = body.get(name)
    return None if value is None else int(read_field(value, _u32, name))


def read_text(body: Mapping[str, Any], name: str) -> str | None:
    """Reads an optional text."""
    value = body.get(name)
    return None if value is None else str(read_field(value, _text, name))


def read_field(value: Any, reader: Callable[[Any], Any], path: str) -> Any:
    """Reads one value and puts its path in front of any complaint."""
    try:
        return reader(value)
    except WrongShapeError as error:
        raise WrongShapeError(f"{path}: {error}") from None


def _invalid_type(value: Any) -> str:
    match value:
        case None:
            kind = "null"
        case bool():
            kind = f"boolean `{str(value).lower()}`"
        case int():
            kind = f"integer `{value}`"
        case float():
            kind = f"floating point `{value}`"
        case str():
            kind = f"string {value[:40]!r}"
        case list():
            kind = "sequence"
        case _:
            kind = "map"
    return f"invalid type: {kind}"
