"""Connections that are no requests yet, and addresses that cannot be listened on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from infernet_node import server
from infernet_node.api import parsing
from infernet_node.config import ServerConfig
from infernet_node.joined_writes import JoinedWrites
from infernet_node.server import ListenError, listen
from test.support.node import NodeUnderTest

REQUEST = b"GET /health HTTP/1.1\r\nHost: x\r\n"


@asynccontextmanager
async def connected(
    node: NodeUnderTest,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def test_a_head_without_end_is_refused(node: NodeUnderTest) -> None:
    async with connected(node) as (reader, writer):
        writer.write(REQUEST + b"X: " + b"x" * 2**16)
        assert (await reader.read()).startswith(b"HTTP/1.1 400 ")


async def test_a_head_of_usual_length_is_not(node: NodeUnderTest) -> None:
    async with connected(node) as (reader, writer):
        for _ in range(2):  # the count starts again with each request
            writer.write(REQUEST + b"X: " + b"x" * 40_000)
            await writer.drain()
            writer.write(b"\r\n\r\n")
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
            await reader.readexactly(len('{"status":"healthy"}'))


@pytest.mark.parametrize("sent", [b"", REQUEST])
async def test_a_head_that_does_not_come_ends_the_connection(
    node: NodeUnderTest, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(server, "_HEAD_SECONDS", 0.05)
    async with connected(node) as (reader, writer):
        writer.write(sent)
        assert await reader.read() == b""


async def test_a_body_that_does_not_come_is_not_waited_for(
    node: NodeUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parsing, "_BODY_SECONDS", 0.05)
    async with connected(node) as (reader, writer):
        writer.write(b"POST /api/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 408 ")


class Wire(asyncio.Transport):
    """Keeps what is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.closed = False

    def write(self, data: Any) -> None:
        assert not self.closed
        self.sent.append(data)

    def close(self) -> None:
        self.closed = True


async def test_what_is_written_in_one_turn_is_sent_at_once() -> None:
    wire = Wire()
    joined = JoinedWrites(wire, asyncio.get_running_loop())
    joined.write(b"head ")
    joined.write(b"body")
    assert wire.sent == []
    await asyncio.sleep(0)
    joined.write(b"last words")
    joined.close()
    await asyncio.sleep(0)
    assert (wire.sent, wire.closed) == ([b"head body", b"last words"], True)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "::", "localhost"])
def test_addresses(host: str) -> None:
    with listen(ServerConfig(host=host, port=0)) as listener:
        assert listener.getsockname()[1] > 0


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
def test_an_address_of_elsewhere(host: str) -> None:
    with pytest.raises(ListenError, match=rf"server\.port: cannot listen on {host}:0 \(.+\); stop"):
        listen(ServerConfig(host=host, port=0))
