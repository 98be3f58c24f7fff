"""A transport that sends what belongs together at once."""

import asyncio
from typing import Any


class JoinedWrites(asyncio.Transport):
    """Joins what is written during one turn of the event loop into one write.

    An answer's head and its body come apart from the HTTP server. Together they cost one system
    call, and one packet.

    Args:
        transport: what does the sending.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._pending: list[bytes] = []

    def write(self, data: Any) -> None:
        if not self._pending:
            self._loop.call_soon(self._flush)
        self._pending.append(bytes(data))

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def abort(self) -> None:
        self._pending.clear()
        self._transport.abort()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)

    def _flush(self) -> None:
        if self._pending:
            joined, self._pending = b"".join(self._pending), []
            self._transport.write(joined)
