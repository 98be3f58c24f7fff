"""What all generating routes share: composing an answer, and giving it out at its pace."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from test.support.mock_tgi.exchange import BrokenOffError, Exchange
from test.support.mock_tgi.failures import TgiFailure
from test.support.mock_tgi.generation import Generation, generate
from test.support.mock_tgi.parameters import Parameters
from test.support.mock_tgi.sse import KEEP_ALIVE, event
from test.support.mock_tgi.tokens import Token
from test.support.mock_tgi.validation import check

EventOf = Callable[[int, Token, bool], Mapping[str, Any]]
"""From a token, its position and whether it is the last one, to the content of its event."""


class StreamEndedError(Exception):
    """The script ends a stream here, as if all were well."""


def compose(
    prompt: str, parameters: Parameters, exchange: Exchange, *, templated: str | None = None
) -> Generation:
    """Validates a prompt and answers it.

    Args:
        templated: what the model sees of it, and what counts for limits, if that is more.

    Raises:
        TgiFailure: for a broken rule.
    """
    length = check(prompt if templated is None else templated, parameters, exchange.settings)
    return generate(
        prompt,
        parameters,
        exchange.settings,
        input_length=length,
        answer=exchange.behaviour.answer(),
    )


def take_time(generation: Generation, parameters: Parameters, exchange: Exchange) -> None:
    """Lets the time pass that an answer in one piece takes, and puts it on the meters.

    Raises:
        CallerGoneError: if the caller left before the end.
    """
    for position in range(len(generation.best.tokens)):
        exchange.pause(exchange.delay_before(position))
        exchange.sent_token()
    exchange.succeeded(generation, parameters)


def token_events(generation: Generation, exchange: Exchange, event_of: EventOf) -> Iterator[bytes]:
    """Yields the event of each token in time, up to where the script interrupts.

    Raises:
        BrokenOffError, StreamEndedError, TgiFailure: where the script says so.
        CallerGoneError: if the caller left before the end.
    """
    spaced = exchange.settings.space_after_colon
    last = len(generation.best.tokens) - 1
    for position, token in enumerate(generation.best.tokens):
        if position == exchange.behaviour.after:
            yield from _interrupt(exchange)
        yield from _silence(exchange, position)
        exchange.sent_token()
        yield event(event_of(position, token, position == last), spaced=spaced)


def _interrupt(exchange: Exchange) -> Iterator[bytes]:
    match exchange.behaviour.then:
        case "hold":
            exchange.hold()
        case "reset":
            raise BrokenOffError("broken off as scripted")
        case "end":
            raise StreamEndedError
        case "error":
            match exchange.behaviour.event:
                case {"error": str(error), "error_type": str(error_type)}:
                    raise TgiFailure(error_type, error)
                case content:  # whatever the script wants to be sent in place of an error
                    yield event(content, spaced=exchange.settings.space_after_colon)
                    raise StreamEndedError


def _silence(exchange: Exchange, position: int) -> Iterator[bytes]:
    """Waits for the token at a position, with a sign of life now and then."""
    remaining = exchange.delay_before(position)
    interval = exchange.settings.keep_alive_interval
    while remaining > interval:
        exchange.pause(interval)
        remaining -= interval
        yield KEEP_ALIVE
    exchange.pause(remaining)
