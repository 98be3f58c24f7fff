"""Reads environment variables the way the service always has: JSON where it is JSON.

Nothing here knows what a variable means; :mod:`tgi_service.config` does.
"""

from collections.abc import Container, Mapping
from typing import Any

from tgi_service import strict_json
from tgi_service.errors import ConfigurationError

PREFIX = "TGI_INF_"


def read_tree(environment: Mapping[str, str], texts: Container[str] = ()) -> dict[str, Any]:
    """Collects the ``TGI_INF_*`` variables, without the prefix.

    Values that are JSON are parsed, others stay text. A key with ``__`` sets one entry of a
    nested object: ``TGI_INF_WORKFLOW_KW_ARGS__temperature=0.5``. Since variables are taken in
    the order of their names, that comes after the object itself, and wins.

    Args:
        texts: keys whose values are text, whatever else it could be read as.

    Raises:
        ConfigurationError: if a variable sets an entry of something that is no object.
    """
    tree: dict[str, Any] = {}
    for name in sorted(environment):
        if not name.startswith(PREFIX):
            continue
        *parents, key = name.removeprefix(PREFIX).split("__")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
            if not isinstance(node, dict):
                raise ConfigurationError(
                    f"{name} sets an entry of {parent}, which is {_kind(node)}, no object"
                )
        read = text_of if not parents and key in texts else parse
        node[key] = read(environment[name])
    return tree


def parse(text: str) -> Any:
    """Returns the JSON value of a text, or the text itself if it is none."""
    try:
        return strict_json.loads(text)
    except ValueError:
        return text


def text_of(text: str) -> str:
    """Returns the text that a variable holds: itself, unless it is a JSON string.

    What happens to be JSON of another type is text here: a number, or an object.
    """
    value = parse(text)
    return value if isinstance(value, str) else text


def _kind(value: Any) -> str:
    """Names the JSON type of a value that is no object, for messages that must not show it."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case _:
            return "a list"
