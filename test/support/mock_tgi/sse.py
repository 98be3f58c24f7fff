"""Server-sent events in the two spacings that TGI has used."""

import json
from collections.abc import Mapping
from typing import Any

KEEP_ALIVE = b":\n\n"
DONE = "[DONE]"


def event(content: Mapping[str, Any] | str, *, spaced: bool) -> bytes:
    """Encodes one event; TGI escapes nothing that JSON does not require."""
    compact = (",", ":")
    data = (
        content
        if isinstance(content, str)
        else json.dumps(content, ensure_ascii=False, separators=compact)
    )
    return f"data:{' ' if spaced else ''}{data}\n\n".encode()


def stream_headers() -> dict[str, str]:
    return {
        "Content-Type": "text/event-stream",
        "Cache-Control": "no-cache",
        "X-Accel-Buffering": "no",
    }
