"""The servers that processes of a node can be woken through, as this machine has them."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest

from test.support.waiting import until

REDIS = "redis://127.0.0.1:6379/0"
NATS = "nats://127.0.0.1:4222"


async def require(url: str) -> str:
    """Returns the URL of a server that runs. Without it the test is skipped; in CI it fails."""
    parts = urlsplit(url)
    try:
        _, writer = await asyncio.open_connection(parts.hostname, parts.port)
    except OSError as error:
        reason = f"no {parts.scheme} server at {parts.hostname}:{parts.port}: {error}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    writer.close()
    return url


@dataclass
class Wire:
    """A way to a server that can be cut and mended."""

    port: int
    accepts: bool = True
    _flows: asyncio.Event = field(default_factory=asyncio.Event)
    _links: set[asyncio.StreamWriter] = field(default_factory=set)

    def cut(self) -> None:
        """Breaks all connections; new ones are closed at once until it is mended."""
        self.accepts = False
        for link in self._links:
            link.transport.abort()

    def stall(self) -> None:
        """Holds everything back, of connections that are there and of new ones, until mended."""
        self._flows.clear()

    def mend(self) -> None:
        self.accepts = True
        self._flows.set()

    def url(self, url: str) -> str:
        """The same server, reached through the wire."""
        parts = urlsplit(url)
        user = f"{parts.username}@" if parts.username else ""
        return parts._replace(netloc=f"{user}127.0.0.1:{self.port}").geturl()


@asynccontextmanager
async def wire_to(url: str) -> AsyncIterator[Wire]:
    """Listens on a free port and passes everything on to a server, while the block runs."""
    parts = urlsplit(url)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not wire.accepts:
            writer.transport.abort()
            return
        ends = {writer}
        wire._links.add(writer)
        try:
            far_reader, far_writer = await asyncio.open_connection(parts.hostname, parts.port)
            ends.add(far_writer)
            wire._links.add(far_writer)
            await asyncio.gather(
                _pass_on(reader, far_writer, wire._flows), _pass_on(far_reader, writer, wire._flows)
            )
        finally:
            for end in ends:
                end.transport.abort()
            wire._links -= ends

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    wire = Wire(server.sockets[0].getsockname()[1])
    wire.mend()
    async with server:
        try:
            yield wire
        finally:
            wire.mend()
            wire.cut()
    # Their tasks have to hear of it while there is a loop.
    await until(lambda: not wire._links)


async def _pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, flows: asyncio.Event
) -> None:
    with suppress(OSError):
        while piece := await reader.read(2**16):
            await flows.wait()
            writer.write(piece)
            await writer.drain()
    writer.close()
