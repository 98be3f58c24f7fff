"""The rules a request must keep, checked in TGI's order."""

import json
from collections.abc import Iterator

from test.support.mock_tgi.failures import TgiFailure, invalid
from test.support.mock_tgi.parameters import Parameters
from test.support.mock_tgi.settings import Settings
from test.support.mock_tgi.tokens import pieces


def check_before_slot(parameters: Parameters, settings: Settings, *, streaming: bool) -> None:
    """Checks what TGI looks at before it asks for a free slot.

    Raises:
        TgiFailure: for the first rule broken.
    """
    best_of = parameters.sequences
    if streaming:
        if best_of != 1:
            raise invalid("`best_of` != 1 is not supported when streaming tokens")
        if parameters.decoder_input_details:
            raise invalid("`decoder_input_details` == true is not supported when streaming tokens")
        return
    limit = settings.max_best_of
    if best_of > 1 and limit == 1:
        raise invalid("`best_of` != 1 is not allowed for this endpoint")
    if best_of > limit or parameters.best_of == 0:
        raise invalid(f"`best_of` must be > 0 and <= {limit}. Given: {parameters.best_of}")


def check(inputs: str, parameters: Parameters, settings: Settings) -> int:
    """Checks everything else and returns the number of input tokens after truncation.

    Raises:
        TgiFailure: for the first rule broken.
    """
    for reason in _broken_rules(inputs, parameters, settings):
        raise invalid(reason)
    length = len(pieces(inputs))
    if parameters.truncate is not None:
        length = min(length, parameters.truncate)
    _check_budget(length, parameters, settings)
    if parameters.grammar is not None:
        _check_grammar(parameters.grammar)
    return length


def _broken_rules(inputs: str, p: Parameters, settings: Settings) -> Iterator[str]:
    if p.sequences > 1 and not p.sampling:
        yield "you must use sampling when `best_of` is > 1"
    if p.temperature is not None and p.temperature <= 0:
        yield "`temperature` must be strictly positive"
    if p.repetition_penalty is not None and p.repetition_penalty <= 0:
        yield "`repetition_penalty` must be strictly positive"
    if p.frequency_penalty is not None and not -2 <= p.frequency_penalty <= 2:
        yield "`frequency_penalty` must be >= -2.0 and <= 2.0"
    if p.top_p is not None and not 0 < p.top_p < 1:
        yield "`top_p` must be > 0.0 and < 1.0"
    if p.typical_p is not None and not 0 < p.typical_p < 1:
        yield "`typical_p` must be > 0.0 and < 1.0"
    if p.top_k is not None and p.top_k <= 0:
        yield "`top_k` must be strictly positive"
    if p.max_new_tokens == 0:
        yield "`max_new_tokens` must be strictly positive"
    if len(p.stop) > settings.max_stop_sequences:
        yield (
            f"`stop` supports up to {settings.max_stop_sequences} stop sequences. "
            f"Given: {len(p.stop)}"
        )
    if p.seed is not None and p.sequences > 1:
        yield "`seed` must not be set when `best_of` > 1"
    if p.top_n_tokens is not None and p.top_n_tokens > settings.max_top_n_tokens:
        yield (
            f"`top_n_tokens` must be >= 0 and <= {settings.max_top_n_tokens}. "
            f"Given: {p.top_n_tokens}"
        )
    if not inputs:
        yield "`inputs` cannot be empty"
    if p.truncate is not None and not 0 < p.truncate <= settings.max_input_tokens:
        yield (
            f"`truncate` must be strictly positive and less than {settings.max_input_tokens}. "
            f"Given: {p.truncate}"
        )


_SLICE = 1024
"""Since TGI 3.1.1 longer answers are produced in slices of this many tokens."""


def _check_budget(length: int, p: Parameters, settings: Settings) -> None:
    new_tokens = min(p.max_new_tokens or 1, _SLICE)
    if length + new_tokens > settings.max_total_tokens:
        raise invalid(
            f"`inputs` tokens + `max_new_tokens` must be <= {settings.max_total_tokens}. "
            f"Given: {length} `inputs` tokens and {new_tokens} `max_new_tokens`"
        )
    if length > settings.max_input_tokens:
        raise invalid(
            f"`inputs` must have less than {settings.max_input_tokens} tokens. Given: {length}"
        )


def _check_grammar(grammar: dict[str, object]) -> None:
    """A mock constrains its answer to JSON only; TGI may be started without grammars too."""
    if grammar["type"] == "regex":
        raise invalid("grammar is not supported")
    try:
        schema = json_schema(grammar)
    except ValueError as error:
        raise TgiFailure(
            "validation", f"Input validation error: grammar is not valid: {error}"
        ) from None
    if "properties" not in schema:
        raise invalid("grammar is not valid: Grammar must have a 'properties' field")


def json_schema(grammar: dict[str, object]) -> dict[str, object]:
    """Returns the JSON schema in a grammar of one of the three JSON forms.

    Raises:
        ValueError: if there is none.
    """
    value = grammar["value"]
    if grammar["type"] == "json_schema":
        value = value.get("schema") if isinstance(value, dict) else None
    if isinstance(value, str):
        value = json.loads(value)
    if not isinstance(value, dict):
        raise ValueError("expected a JSON schema")  # noqa: TRY004 - the value, not its use, is wrong
    return value
