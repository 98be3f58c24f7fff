"""Text for people."""

import re
from datetime import UTC, datetime

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    """Returns text of strangers with its control characters escaped, all but tab and newline.

    A model's answer, or a node's error, may hold sequences that a terminal obeys.
    """
    return _CONTROLS.sub(lambda found: f"\\x{ord(found.group()):02x}", text)


def utc(seconds: int) -> str:
    """Returns chain time (UNIX seconds) in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
