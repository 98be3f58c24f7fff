"""Types of the service's plain settings.

Every function returns a checked value or raises ``ConfigurationError`` with the expected shape.
"""

from collections.abc import Callable, Sequence
from typing import Any

from tgi_service import strict_json
from tgi_service.errors import ConfigurationError


def read_count(value: Any) -> int:
    """Reads a number of things, at least one."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigurationError("must be an integer above 0")
    return value


def read_seconds_or_none(value: Any) -> float | None:
    """Reads a duration in seconds; 0 means none, which is returned as ``None``."""
    if not strict_json.is_number(value) or value < 0:
        raise ConfigurationError("must be a number of seconds, 0 for no limit")
    return float(value) or None


def read_flag(value: Any) -> bool:
    """Reads true or false, in any case."""
    flag = {"true": True, "false": False}.get(str(value).lower())
    if flag is None:
        raise ConfigurationError("must be true or false")
    return flag


def read_choice(choices: Sequence[str]) -> Callable[[Any], str]:
    """Returns a reader of one of several words."""

    def read(value: Any) -> str:
        if value not in choices:
            raise ConfigurationError(f"must be one of {', '.join(choices)}")
        return str(value)

    return read


def read_text(value: Any) -> str:
    """Reads text."""
    if not isinstance(value, str):
        raise ConfigurationError("must be text")
    return value
