"""From a prompt and parameters to the tokens of an answer, deterministically."""

import hashlib
import json
import random
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from test.support.mock_tgi.composition import sentences
from test.support.mock_tgi.parameters import Parameters
from test.support.mock_tgi.settings import Settings
from test.support.mock_tgi.tokens import (
    END_OF_SEQUENCE,
    Token,
    pieces,
    tokenize,
    visible_text,
)
from test.support.mock_tgi.validation import json_schema


@dataclass(frozen=True, slots=True)
class Sequence:
    """One generated answer."""

    tokens: list[Token]
    finish_reason: str
    seed: int | None
    top_n_tokens: int

    @property
    def text(self) -> str:
        return visible_text(self.tokens)

    @property
    def mean_logprob(self) -> float:
        return sum(token.logprob for token in self.tokens) / len(self.tokens)


@dataclass(frozen=True, slots=True)
class Generation:
    """The answer to one request: the best sequence first."""

    sequences: list[Sequence]
    prefill: list[Token]
    input_length: int

    @property
    def best(self) -> Sequence:
        return self.sequences[0]


def generate(
    prompt: str,
    parameters: Parameters,
    settings: Settings,
    *,
    input_length: int,
    answer: list[Token] | None = None,
) -> Generation:
    """Answers a prompt that has passed validation.

    Args:
        input_length: tokens of the prompt that count; the last ones, when it was truncated.
        answer: tokens to give instead of composed ones.
    """
    prompt_tokens = list(tokenize(prompt))[-input_length:]
    kept = b"".join(pieces(prompt)[-input_length:]).decode(errors="ignore")
    budget = parameters.max_new_tokens or settings.max_total_tokens - input_length
    sequences = []
    for rank in range(parameters.sequences):
        seed = _seed(parameters)
        tokens = answer or _tokens(kept, parameters, settings, seed, rank)
        sequences.append(_cut(iter(tokens), budget, parameters, seed))
    return Generation(
        sequences=sorted(sequences, key=lambda sequence: sequence.mean_logprob, reverse=True),
        prefill=prompt_tokens if parameters.decoder_input_details else [],
        input_length=input_length,
    )


def _seed(parameters: Parameters) -> int | None:
    if not parameters.sampling:
        return None
    return secrets.randbits(63) if parameters.seed is None else parameters.seed


def _tokens(
    prompt: str, parameters: Parameters, settings: Settings, seed: int | None, rank: int
) -> list[Token]:
    text = (
        json.dumps(_instance(json_schema(parameters.grammar), prompt))
        if parameters.grammar
        else " ".join(sentences(prompt, _source(prompt, settings.seed, seed, rank)))
    )
    return [*tokenize(text), END_OF_SEQUENCE]


def _source(*parts: object) -> random.Random:
    """A random source that is the same for the same parts, in any process."""
    digest = hashlib.sha256(repr(parts).encode()).digest()
    return random.Random(int.from_bytes(digest))


def _cut(
    tokens: Iterator[Token], budget: int, parameters: Parameters, seed: int | None
) -> Sequence:
    """Takes tokens until the budget is spent, the model ends, or a stop sequence is complete."""
    taken: list[Token] = []
    finish_reason = "eos_token"
    for token in tokens:
        taken.append(token)
        if len(taken) == budget:
            finish_reason = "length"
            break
        if any(visible_text(taken).endswith(stop) for stop in parameters.stop):
            finish_reason = "stop_sequence"
            break
    return Sequence(taken, finish_reason, seed, parameters.top_n_tokens or 0)


def _instance(schema: Any, prompt: str) -> Any:
    """Returns the plainest value a JSON schema allows."""
    if not isinstance(schema, dict):
        return prompt[:20]
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type", "object"):
        case "object":
            properties = schema.get("properties", {})
            return {name: _instance(value, prompt) for name, value in properties.items()}
        case "array":
            return [_instance(schema.get("items", {"type": "string"}), prompt)]
        case "integer" | "number":
            return schema.get("minimum", 0)
        case "boolean":
            return True
        case "null":
            return None
        case _:
            return prompt[:20]
