"""The text of ``config.json``: JSON in which comments and trailing commas are forgiven."""

import json
import re
from typing import Any

from infernet_node.config.errors import Problem

_STRING_OR_COMMENT = re.compile(r'"(?:[^"\\\n]|\\.)*"|//[^\n]*')
_STRING_OR_TRAILING_COMMA = re.compile(r'"(?:[^"\\\n]|\\.)*"|,(?=\s*[}\]])')


class ConfigSyntaxError(ValueError):
    """The text is not JSON; names line and column."""


def read_document(text: str) -> dict[str, Any]:
    """Parses a JSON object, ignoring ``//`` comments and a comma after the last entry.

    Raises:
        ConfigSyntaxError: if it is no JSON object, or names a key twice: using one of the two
            would be a guess.
    """
    # Blanks keep every other character where it was, so that errors name the right place.
    text = _STRING_OR_COMMENT.sub(_blank_comment, text)
    text = _STRING_OR_TRAILING_COMMA.sub(lambda m: " " if m[0] == "," else m[0], text)
    try:
        document = json.loads(text, object_pairs_hook=_distinct, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise ConfigSyntaxError(
            f"is not JSON at line {error.lineno}, column {error.colno}: {error.msg}"
        ) from None
    except RecursionError:
        raise ConfigSyntaxError("is nested too deeply") from None
    if not isinstance(document, dict):
        raise ConfigSyntaxError("must be a JSON object {...}")
    return document


def syntax_problem(error: ConfigSyntaxError) -> Problem:
    return Problem("", f"the file {error}")


def _blank_comment(match: re.Match[str]) -> str:
    token = match[0]
    return token if token.startswith('"') else " " * len(token)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ConfigSyntaxError(f'names the key "{twice}" twice in one object; remove one')
    return result


def _no_constant(name: str) -> Any:
    raise ConfigSyntaxError(f"holds {name}, which is not a JSON number")
