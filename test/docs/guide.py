"""Pages for contract authors, taken apart into files and commands as a reader uses them."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
GUIDE = ROOT / "docs" / "contracts.md"
EXAMPLES = ROOT / "docs" / "contracts"

_FILE = re.compile(r"^`([\w./]+\.\w+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SHELL = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SECTION = re.compile(r"^(#{2,3}) (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class File:
    """A file that the page shows in full."""

    path: str
    content: str


def section(title: str, page: Path = GUIDE) -> str:
    """Returns the text under a heading, up to the next one of its level or above."""
    text = page.read_text()
    start = next(found for found in _SECTION.finditer(text) if found[2] == title)
    rest = text[start.end() :]
    end = re.search(rf"^#{{2,{len(start[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def files(text: str) -> list[File]:
    """Returns the files that a text shows: their path in backticks, a colon, and a block."""
    return [File(path, content) for path, content in _FILE.findall(text)]


def write(text: str, folder: Path) -> None:
    """Writes every file that a text shows into a folder."""
    for file in files(text):
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.content)


def commands(page: Path) -> str:
    """Returns the shell commands of a page, in order."""
    return "\n".join(_SHELL.findall(page.read_text()))
