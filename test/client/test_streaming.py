"""A stream is an id line and bytes, wherever the network cuts it."""

import asyncio
import threading
import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from infernet_client.error import APIError, StreamError
from infernet_client.node import NodeClient
from infernet_client.streaming import MAX_ID_BYTES, id_then_bytes, text_of
from test.client.scripted_node import ScriptedNode
from test.support.waiting import SECONDS


async def chunked(data: bytes, cuts: list[int]) -> AsyncGenerator[Any, None]:
    places = sorted({cut % (len(data) + 1) for cut in cuts})
    for start, end in zip([0, *places], [*places, len(data)], strict=True):
        yield data[start:end]


@given(output=st.binary(max_size=40), cuts=st.lists(st.integers(0, 10**6), max_size=8))
async def test_the_id_ends_at_the_first_newline_however_it_arrives(
    output: bytes, cuts: list[int]
) -> None:
    job_id = str(uuid.UUID(int=7))
    data = job_id.encode() + b"\n" + output

    first, *rest = [piece async for piece in id_then_bytes(chunked(data, cuts))]

    assert first == job_id
    assert b"".join(rest) == output  # type: ignore[arg-type]
    assert all(rest)


@given(text=st.text(max_size=20), cuts=st.lists(st.integers(0, 10**6), max_size=8))
async def test_a_character_cut_in_two_is_put_together(text: str, cuts: list[int]) -> None:
    pieces = [piece async for piece in text_of(chunked(text.encode(), cuts))]

    assert "".join(pieces) == text
    assert all(pieces)


async def test_bytes_that_are_no_text_are_marked() -> None:
    pieces = [piece async for piece in text_of(chunked(b"a\xffb\xe2\x82", []))]

    assert "".join(pieces) == "a\ufffdb\ufffd"


@pytest.mark.parametrize("data", [b"", b"no newline", b"\nrest", b"\xff\xfe\nrest"])
async def test_a_stream_without_an_id_is_an_error(data: bytes) -> None:
    with pytest.raises(StreamError):
        _ = [piece async for piece in id_then_bytes(chunked(data, []))]


async def test_an_endless_first_line_is_not_kept() -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 100

    with pytest.raises(StreamError, match=f"no job id in its first {MAX_ID_BYTES} bytes"):
        _ = [piece async for piece in id_then_bytes(endless())]


async def test_a_job_is_streamed(client: NodeClient, node: ScriptedNode) -> None:
    job_id, *chunks = [piece async for piece in client.request_stream("tgi", {"text": "?"})]

    assert isinstance(job_id, str)
    assert len(job_id) == 36
    assert b"".join(chunks) == b"Yes, and well."  # type: ignore[arg-type]


async def test_text_is_streamed_without_the_id(client: NodeClient, node: ScriptedNode) -> None:
    crab = "🦐 ü".encode()
    node.stream = [crab[:2], crab[2:5], crab[5:]]

    assert "".join([text async for text in client.stream_text("tgi", {})]) == "🦐 ü"


async def test_a_refused_stream_is_an_error(client: NodeClient) -> None:
    with pytest.raises(APIError, match=r"\[405\] Container not supported - \[container=nope\]"):
        _ = [piece async for piece in client.request_stream("nope", {})]


async def test_a_status_that_is_no_stream_is_an_error(
    client: NodeClient, node: ScriptedNode
) -> None:
    node.answer_once("POST", "/api/jobs/stream", web.Response(status=204))

    with pytest.raises(APIError, match=r"\[204\] a stream was expected"):
        _ = [piece async for piece in client.request_stream("tgi", {})]


async def test_a_transfer_that_breaks_is_an_error(client: NodeClient, node: ScriptedNode) -> None:
    node.breaks_stream = True
    pieces = client.stream_text("tgi", {})
    assert await anext(pieces)

    with pytest.raises(aiohttp.ClientPayloadError):
        _ = [piece async for piece in pieces]


async def test_a_stream_that_does_not_end_is_a_timeout(
    client: NodeClient, node: ScriptedNode
) -> None:
    async def stall(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"an-id\n")
        await request.content.wait_eof()
        while not request.transport or not request.transport.is_closing():
            await response.write(b".")
        return response

    node.answer_once("POST", "/api/jobs/stream", stall)

    with pytest.raises(TimeoutError, match=r"the stream did not end within 0\.1 s"):
        async for _ in client.request_stream("tgi", {}, timeout=0.1):
            pass


async def test_leaving_a_stream_early_closes_the_connection(
    client: NodeClient, node: ScriptedNode
) -> None:
    left = threading.Event()

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"an-id\n")
        try:
            while True:
                await response.write(b"x" * 1000)
                await asyncio.sleep(0)
        except ConnectionError:
            left.set()
            raise

    node.answer_once("POST", "/api/jobs/stream", endless)
    pieces = client.stream_text("tgi", {})
    assert await anext(pieces)

    await pieces.aclose()

    assert await asyncio.to_thread(left.wait, SECONDS)
