"""Lines of the servers' logs as a person reads them."""

import json
import re
from collections.abc import Callable
from typing import Any

import click

from scripts.terminal.text import printable

LEVELS = {"warning": "yellow", "error": "red", "critical": "red"}
_METHOD = re.compile(r"[a-z]+_[A-Za-z0-9]+\s*")
_PLAIN = re.compile(r"[^\s\"=]+")
LEFT_OUT = ("logger", "pid")
"""Fields that are in the log file only."""


def anvil_line(line: str) -> str | None:
    """Returns a line of Anvil's, or ``None`` for one that only names a method or is empty.

    Anvil names the method of every request: with a node that looks for blocks several times a
    second there would be nothing else to read.
    """
    if not line.strip() or _METHOD.fullmatch(line):
        return None
    return printable(line)


def server_line(line: str) -> str:
    """Returns a JSON line as ``time level event key=value``, and any other as it is.

    The trace of an exception follows on lines of its own.
    """
    try:
        said = json.loads(line)
    except ValueError:
        return printable(line)
    if not isinstance(said, dict) or "event" not in said:
        return printable(line)
    time, level, event = (str(said.pop(name, "")) for name in ("time", "level", "event"))
    trace = said.pop("exception", None)
    pairs = [f"{name}={_value(value)}" for name, value in said.items() if name not in LEFT_OUT]
    text = printable(" ".join(filter(None, [time, level, event, *pairs])))
    if trace:
        text += "\n" + printable(str(trace))
    return click.style(text, fg=LEVELS[level]) if level in LEVELS else text


def _value(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if _PLAIN.fullmatch(text) or not isinstance(value, str):
        return text
    return json.dumps(text, ensure_ascii=False)


RENDER: dict[str, Callable[[str], str | None]] = {
    "anvil": anvil_line,
    "tgi": printable,
    "service": server_line,
    "node": server_line,
}
"""How each server's lines are shown; ``None`` is for a line that is not."""
