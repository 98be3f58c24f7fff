"""TGI's own way of generating: ``/``, ``/generate``, ``/generate_stream``, ``/tokenize``."""

from collections.abc import Iterator, Mapping
from typing import Any

from test.support.mock_tgi.exchange import Exchange, Slots
from test.support.mock_tgi.failures import TgiFailure
from test.support.mock_tgi.generation import Generation, Sequence
from test.support.mock_tgi.pacing import StreamEndedError, compose, take_time, token_events
from test.support.mock_tgi.parameters import read_inputs, read_parameters
from test.support.mock_tgi.sse import event
from test.support.mock_tgi.tokens import Token, alternatives, pieces, tokenize
from test.support.mock_tgi.validation import check_before_slot


class Job:
    """A request whose shape is right; not yet validated."""

    def __init__(self, body: Mapping[str, Any], *, echo_by_default: bool) -> None:
        """Reads a request body.

        Raises:
            WrongShapeError: if a field is missing or of a wrong type.
        """
        self.inputs = read_inputs(body)
        self.parameters = read_parameters(body)
        wanted = self.parameters.return_full_text
        self._echo = echo_by_default if wanted is None else wanted

    def run(self, exchange: Exchange) -> Generation:
        """Goes through the scripted silence, validates and generates.

        Raises:
            TgiFailure: for a broken rule.
        """
        exchange.begin()
        return compose(self.inputs, self.parameters, exchange)

    def text_of(self, sequence: Sequence) -> str:
        """Returns the generated text, after the prompt if that was asked for."""
        return self.inputs + sequence.text if self._echo else sequence.text


def run_whole(job: Job, exchange: Exchange, slots: Slots) -> Generation:
    """Generates all tokens at their pace while holding a slot.

    Raises:
        TgiFailure: for a broken rule, or no free slot.
        CallerGoneError: if the caller left before the end.
    """
    check_before_slot(job.parameters, exchange.settings, streaming=False)
    with slots.one():
        generation = job.run(exchange)
        take_time(generation, job.parameters, exchange)
        return generation


def whole_answer(job: Job, generation: Generation) -> dict[str, Any]:
    """Returns the object that ``POST /generate`` answers."""
    answer: dict[str, Any] = {"generated_text": job.text_of(generation.best)}
    if job.parameters.details or job.parameters.decoder_input_details:
        answer["details"] = _details(generation.best, generation.prefill)
        if len(generation.sequences) > 1:
            answer["details"]["best_of_sequences"] = [
                {"generated_text": job.text_of(other), **_details(other, generation.prefill)}
                for other in generation.sequences[1:]
            ]
    return answer


def compute_headers(input_length: int, characters: int, generated: int) -> dict[str, str]:
    """Returns the timing headers; a mock takes no time, so only the sizes mean something."""
    return {
        "x-compute-type": "cpu+mock",
        "x-compute-time": "0.001",
        "x-compute-characters": str(characters),
        "x-total-time": "1",
        "x-validation-time": "0",
        "x-queue-time": "0",
        "x-inference-time": "1",
        "x-time-per-token": "0",
        "x-prompt-tokens": str(input_length),
        "x-generated-tokens": str(generated),
    }


def stream(job: Job, exchange: Exchange, slots: Slots) -> Iterator[bytes]:
    """Yields the events of ``POST /generate_stream``; failures are events too.

    Raises:
        BrokenOffError: where the script breaks the transfer.
        CallerGoneError: if the caller left before the end.
    """
    yield b""  # status and headers leave at once, before anything is generated
    try:
        check_before_slot(job.parameters, exchange.settings, streaming=True)
        with slots.one():
            generation = job.run(exchange)

            def token_event(position: int, token: Token, last: bool) -> dict[str, Any]:
                content = _token_event(position, token, generation)
                return content | _final_fields(job, generation) if last else content

            yield from token_events(generation, exchange, token_event)
            exchange.succeeded(generation, job.parameters)
    except StreamEndedError:
        return
    except TgiFailure as failure:
        exchange.failed(failure)
        yield event(failure.as_json(), spaced=exchange.settings.space_after_colon)


def tokenized(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns the answer of ``POST /tokenize``: tokens with their byte offsets.

    Raises:
        WrongShapeError: if a field is missing or of a wrong type.
    """
    inputs = read_inputs(body)
    truncate = read_parameters(body).truncate
    entries = []
    start = 0
    for piece, token in zip(pieces(inputs), tokenize(inputs), strict=True):
        stop = start + len(piece)
        entries.append({"id": token.id, "text": token.text, "start": start, "stop": stop})
        start = stop
    return entries if truncate is None else entries[-truncate:]


def _details(sequence: Sequence, prefill: list[Token]) -> dict[str, Any]:
    details: dict[str, Any] = {
        "finish_reason": sequence.finish_reason,
        "generated_tokens": len(sequence.tokens),
        "seed": sequence.seed,
        "prefill": [
            {"id": token.id, "text": token.text, "logprob": token.logprob if position else None}
            for position, token in enumerate(prefill)
        ],
        "tokens": [token.as_json() for token in sequence.tokens],
    }
    if sequence.top_n_tokens:
        details["top_tokens"] = [
            [other.as_json() for other in alternatives(token, sequence.top_n_tokens)]
            for token in sequence.tokens
        ]
    return details


def _token_event(position: int, token: Token, generation: Generation) -> dict[str, Any]:
    content: dict[str, Any] = {"index": position + 1, "token": token.as_json()}
    if generation.best.top_n_tokens:
        content["top_tokens"] = [
            other.as_json() for other in alternatives(token, generation.best.top_n_tokens)
        ]
    return {**content, "generated_text": None, "details": None}


def _final_fields(job: Job, generation: Generation) -> dict[str, Any]:
    sequence = generation.best
    fields: dict[str, Any] = {"generated_text": job.text_of(sequence)}
    if job.parameters.details:
        fields["details"] = {
            "finish_reason": sequence.finish_reason,
            "generated_tokens": len(sequence.tokens),
            "seed": sequence.seed,
            "input_length": generation.input_length,
        }
    return fields
