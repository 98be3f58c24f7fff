"""Lines of the servers' logs as a person reads them."""

import json
import re
from collections.abc import Callable
from typing import Any

import click

from scripts.terminal.text import printable

LEVELS = {"warning": "yellow", "error": "red", "critical": "red"}
_METHOD = re.compile(r"[a-z]+_[A-Za-z0-9]+\s*")
_OF_A_BLOCK = ("Block Number:", "Block Hash:", "Block Time:")
_PLAIN = re.compile(r"[^\s\"=]+")
TIMES = ("time", "timestamp")
"""Names under which the service and the node log the time."""
LEFT_OUT = ("logger", "pid")
"""Fields that are in the log file only."""


class AnvilLines:
    """Shows what Anvil says of transactions, and of the blocks that hold some.

    Anvil also names the method of every request and tells of every empty block: with a node
    that looks for blocks several times a second there would be nothing else to read.
    """

    def __init__(self) -> None:
        self._empty_block = True

    def __call__(self, line: str) -> str | None:
        """Returns the line, or ``None`` for one that is not worth showing."""
        if not line.strip() or _METHOD.fullmatch(line):
            return None
        word = line.strip()
        if word.startswith("Transaction:"):
            self._empty_block = False
        if word.startswith(_OF_A_BLOCK):
            hidden = self._empty_block
            if word.startswith(_OF_A_BLOCK[-1]):
                self._empty_block = True
            if hidden:
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
    level, event = (str(said.pop(name, "")) for name in ("level", "event"))
    times = [str(said.pop(name)) for name in TIMES if name in said]
    trace = said.pop("exception", None)
    pairs = [f"{name}={_value(value)}" for name, value in said.items() if name not in LEFT_OUT]
    text = printable(" ".join(filter(None, [*times, level, event, *pairs])))
    if trace:
        text += "\n" + printable(str(trace))
    return click.style(text, fg=LEVELS[level]) if level in LEVELS else text


def _value(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if _PLAIN.fullmatch(text) or not isinstance(value, str):
        return text
    return json.dumps(text, ensure_ascii=False)


def renderer(server: str) -> Callable[[str], str | None]:
    """Returns what shows a server's lines, in their order; ``None`` is for a line to leave out."""
    if server == "anvil":
        return AnvilLines()
    return server_line
