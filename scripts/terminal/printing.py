"""Lines for people and objects for programs."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import click

from scripts.terminal.text import printable
from scripts.views.answers import Answered, Missed


def fields(pairs: Iterable[tuple[str, object]]) -> None:
    """Prints one ``name value`` line for each pair; names are dim on a terminal."""
    for name, value in pairs:
        click.echo(f"{click.style(f'{name:<13}', dim=True)} {value}")


def json_object(value: Any, *, indent: int | None = None) -> None:
    """Prints an object as JSON: on one line, unless told how many spaces to indent by."""
    click.echo(json.dumps(value, indent=indent))


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
