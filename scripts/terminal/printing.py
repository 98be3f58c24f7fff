"""Lines for people and objects for programs."""

import json
import re
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import click

from scripts.views.answers import Answered, Missed

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def fields(pairs: Iterable[tuple[str, object]]) -> None:
    """Prints one ``name value`` line for each pair; names are dim on a terminal."""
    for name, value in pairs:
        click.echo(f"{click.style(f'{name:<13}', dim=True)} {value}")


def json_object(value: Any, *, indent: int | None = None) -> None:
    """Prints an object as JSON: on one line, unless told how many spaces to indent by."""
    click.echo(json.dumps(value, indent=indent))


def printable(text: str) -> str:
    """Returns text of strangers with its control characters escaped.

    A model's answer may hold sequences that a terminal obeys.
    """
    return _CONTROLS.sub(lambda found: f"\\x{ord(found.group()):02x}", text)


def utc(seconds: int) -> str:
    """Returns chain time (UNIX seconds) for people, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def happening(event: Answered | Missed, as_json: bool) -> None:
    """Prints what became of an interval."""
    if as_json:
        name = "answered" if isinstance(event, Answered) else "missed"
        json_object({"event": name, **asdict(event)})
    elif isinstance(event, Answered):
        answer = click.style(printable(event.answer), bold=True)
        source = click.style(f"{event.node}  block {event.block}", dim=True)
        fields([(f"interval {event.interval}", answer), ("", source)])
    else:
        fields([(f"interval {event.interval}", click.style("nobody answered", fg="yellow"))])
