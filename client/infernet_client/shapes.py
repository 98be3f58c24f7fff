"""What a route's JSON must be: checked before it is handed to callers under its type."""

from collections.abc import Callable
from typing import Any

Shape = Callable[[Any], bool]


def is_object(body: Any) -> bool:
    return isinstance(body, dict)


def is_text(body: Any) -> bool:
    return isinstance(body, str)


def object_with(*names: str) -> Shape:
    """Returns a shape: an object with at least these keys."""
    return lambda body: isinstance(body, dict) and body.keys() >= set(names)


def list_of(shape: Shape) -> Shape:
    """Returns a shape: a list whose items all have one."""
    return lambda body: isinstance(body, list) and all(map(shape, body))
