"""JSON as people write it in configuration files: with comments and a comma too many."""

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn

_TOKEN = re.compile(
    r'"(?:\\.|[^"\\])*"|//[^\r\n]*|/\*.*?\*/|[\[\]{},]|[^\s"/,\[\]{}]+|["/]', re.DOTALL
)


class LenientJsonError(ValueError):
    """The text is no JSON, not even with comments and trailing commas; says where."""


def loads(text: str) -> Any:
    """Parses JSON that may hold ``//`` and ``/* */`` comments and trailing commas.

    Args:
        text: the document; a byte order mark at its start is ignored.

    Raises:
        LenientJsonError: naming the line and the column (from 1) of the original text, where
            that is one place.
    """
    text = text.removeprefix("\ufeff")
    try:
        return _strict(text)
    except ValueError:
        return _strict(_blanked(text))


def _strict(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise LenientJsonError(
            f"line {error.lineno}, column {error.colno}: {error.msg[0].lower()}{error.msg[1:]}"
        ) from None
    except LenientJsonError:
        raise
    except RecursionError:
        raise LenientJsonError("nested too deeply to be read") from None
    except ValueError:  # Python reads integers of so many digits and no more
        raise LenientJsonError("a number has too many digits to be read") from None


def _refuse_constant(name: str) -> NoReturn:
    raise LenientJsonError(f"{name} is not JSON: write null or a string")


def _blanked(text: str) -> str:
    """Puts spaces where comments and trailing commas stand, so that positions stay true."""
    out = list(text)
    for start, end in _superfluous(text):
        out[start:end] = [char if char in "\r\n" else " " for char in out[start:end]]
    return "".join(out)


def _superfluous(text: str) -> Iterator[tuple[int, int]]:
    before, last = "", ""
    comma = (0, 0)
    for match in _TOKEN.finditer(text):
        token = match.group()
        if token.startswith(("//", "/*")):
            yield match.span()
            continue
        # A comma must follow a value: "[,]" and "[1,,]" stay errors.
        if token in ("]", "}") and last == "," and before not in ("", ",", "[", "{"):
            yield comma
        before, last, comma = last, token, match.span()
