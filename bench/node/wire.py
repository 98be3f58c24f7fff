"""HTTP as cheap as it gets, so that what is measured is the node."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, Self, cast


class Connection:
    """One keep-alive connection; requests one after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.requests = 0
        """Answered so far."""

    @classmethod
    async def open(cls, port: int) -> Self:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def get(self, path: str) -> Any:
        return await self._answer(f"GET {path} HTTP/1.1\r\nhost: node\r\n\r\n".encode())

    async def post(self, path: str, body: bytes) -> Any:
        return await self._answer(_post(path, body))

    async def first_byte(self, path: str, body: bytes, skip: int) -> None:
        """Returns when the first byte of a chunked body behind ``skip`` bytes has arrived."""
        self._writer.write(_post(path, body))
        await self._reader.readuntil(b"\r\n\r\n")
        while skip >= 0:
            size = int(await self._reader.readline(), 16)
            await self._reader.readexactly(size + 2)
            skip -= size

    def close(self) -> None:
        self._writer.close()

    async def _answer(self, request: bytes) -> Any:
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        body = await self._reader.readexactly(length)
        self.requests += 1
        if not head.startswith(b"http/1.1 200"):
            raise RuntimeError(f"the node answered {head[9:12].decode()}: {body[:200].decode()}")
        return json.loads(body)


def _post(path: str, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nhost: node\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


class _Answering(asyncio.Protocol):
    """Answers each request with the same bytes as soon as it is complete."""

    def __init__(self) -> None:
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none of asyncio's by type.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        while True:
            head, end, rest = self._received.partition(b"\r\n\r\n")
            if not end:
                return
            length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
            size = int(length or 0)
            if len(rest) < size:
                return
            question, self._received = rest[:size], rest[size:]
            self._transport.write(_STREAMED if b'"destination":2' in question else _ANSWER)


_JSON = b'{"output":"at once"}'
_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
    len(_JSON),
    _JSON,
)
_STREAMED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n0\r\n\r\n"


async def answer_at_once(listening: Callable[[int], object]) -> None:
    """Serves a container that answers at once, until cancelled."""
    server = await asyncio.get_running_loop().create_server(_Answering, "127.0.0.1", 0)
    listening(server.sockets[0].getsockname()[1])
    await server.serve_forever()
