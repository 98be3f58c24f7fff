"""Blocks of code in a page: what runs, what becomes a file, and what is printed."""

import re
from dataclasses import dataclass
from pathlib import Path

RUN = ("python", "bash")
_FENCE = re.compile(r'^```(\w*)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
_ANYTHING = "…"
"""Stands in a page for what differs from run to run."""


class PageError(AssertionError):
    """A block that no reader could use as it stands."""


@dataclass
class Block:
    """A block of code; ``title`` names the file that it is."""

    page: str
    line: int
    language: str
    title: str
    text: str
    expected: str | None = None
    """What a run prints, if the page says so."""

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(path: Path) -> list[Block]:
    """Returns a page's blocks in order, each with the output that the page shows for it.

    Raises:
        PageError: if a block neither runs nor is a file nor is the output of the one before.
    """
    found: list[Block] = []
    text = path.read_text()
    for match in _FENCE.finditer(text):
        language, title, body = match[1], match[2] or "", match[3]
        block = Block(path.name, text.count("\n", 0, match.start()) + 1, language, title, body)
        if title or language in RUN:
            found.append(block)
        elif language == "text" and found and found[-1].language in RUN:
            found[-1].expected = body
        else:
            raise PageError(f"{block.place}: a block that is not run, nor the output of one")
    return found


def matches(expected: str, printed: str) -> bool:
    """Tells whether a program printed what a page shows, ``…`` standing for anything."""
    pattern = ".*".join(re.escape(part) for part in expected.strip().split(_ANYTHING))
    return re.fullmatch(pattern, printed.strip(), re.DOTALL) is not None
