"""``POST /api/jobs/stream``: bytes as they come, failures that show, records that stay."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from test.support.container import ScriptedContainer, answering, streaming
from test.support.node import NodeUnderTest
from test.support.waiting import until


@asynccontextmanager
async def opened(node: NodeUnderTest, *containers: str) -> AsyncIterator[aiohttp.ClientResponse]:
    body = {"containers": containers, "data": {"text": "x"}}
    async with node.session.post(f"{node.url}/api/jobs/stream", json=body) as response:
        assert response.status == 200
        yield response


async def job_id_of(response: aiohttp.ClientResponse) -> str:
    """Reads the first piece, which clients take whole for the id."""
    piece = await response.content.readany()
    assert piece.endswith(b"\n")
    return piece.decode().rstrip("\n")


async def test_the_id_comes_first_and_alone_then_the_bytes_unchanged(
    node: NodeUnderTest, container: ScriptedContainer
) -> None:
    container.answer = streaming(b"Hel", b" lo", b" wor ld\n")
    async with opened(node, "one") as response:
        job_id = await job_id_of(response)
        assert await response.read() == b"Hel lo wor ld\n"

    assert await node.result(job_id) == {
        "id": job_id,
        "status": "success",
        "result": {"container": "one", "output": {"output": "Hel lo wor ld\n"}},
        "intermediate_results": [],
    }
    # No "requires_proof" here: streams never had it.
    assert container.questions == [{"source": 1, "destination": 2, "data": {"text": "x"}}]


async def test_the_id_is_sent_before_the_container_answers(
    node: NodeUnderTest, container: ScriptedContainer
) -> None:
    release = asyncio.Event()

    async def wait(request: web.Request) -> web.StreamResponse:
        await release.wait()
        return await streaming(b"late")(request)

    container.answer = wait
    async with opened(node, "one") as response:
        job_id = await job_id_of(response)
        assert (await node.get("/api/jobs", id=job_id))[1][0]["status"] == "running"
        release.set()
        assert await response.read() == b"late"


async def test_only_the_first_container_runs(
    node: NodeUnderTest, container: ScriptedContainer, second: ScriptedContainer
) -> None:
    container.answer = streaming(b"a")
    async with opened(node, "one", "two") as response:
        await response.read()
    assert second.questions == []


async def test_the_status_is_final_when_the_stream_ends(
    node: NodeUnderTest, container: ScriptedContainer
) -> None:
    container.answer = streaming(b"a")
    async with opened(node, "one") as response:
        job_id = await job_id_of(response)
        await response.read()
        _, (job,) = await node.get("/api/jobs", id=job_id)
        assert job["status"] == "success"


async def test_w_12_bytes_that_are_no_text_are_recorded_as_base64(
    node: NodeUnderTest, container: ScriptedContainer
) -> None:
    container.answer = streaming(b"\xff\x00\xfe")
    async with opened(node, "one") as response:
        job_id = await job_id_of(response)
        assert await response.read() == b"\xff\x00\xfe"

    job = await node.result(job_id)
    assert job["status"] == "success"
    assert job["result"]["output"] == {
        "output": base64.b64encode(b"\xff\x00\xfe").decode(),
        "encoding": "base64",
    }


async def test_w_12_a_failure_breaks_the_transfer_off(
    node: NodeUnderTest, container: ScriptedContainer, caplog: pytest.LogCaptureFixture
) -> None:
    container.answer = streaming(b"half", fail=True)
    async with opened(node, "one") as response:
        job_id = await job_id_of(response)
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()

    job = await node.result(job_id)
    assert job["status"] == "failed"
    assert job["result"] == {
        "container": "one",
        "error": "Container broke off the connection before its answer was complete",
    }
    # It is meant, so the server under the interface does not call it a defect.
    assert not [record for record in caplog.records if record.name == "uvicorn.error"]


async def test_an_error_status_breaks_the_transfer_off_as_well(
    node: NodeUnderTest, container: ScriptedContainer
) -> None:
    container.answer = answering({"description": "no such model"}, status=500)
    async with opened(node, "one") as response:
        job_id = await job_id_of(response)
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()

    job = await node.result(job_id)
    assert job["result"] == {"container": "one", "error": "no such model"}


async def test_w_12_when_the_client_leaves_the_container_is_stopped_and_the_job_recorded(
    node: NodeUnderTest, container: ScriptedContainer
) -> None:
    stopped = asyncio.Event()

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            await response.write(b"first")
            await asyncio.Event().wait()
        finally:
            stopped.set()
        return response

    container.answer = endless
    async with opened(node, "one") as response:
        job_id = await job_id_of(response)
        assert await response.content.readexactly(5) == b"first"
        response.close()

    await stopped.wait()
    job = await node.result(job_id)
    assert job["status"] == "failed"
    assert job["result"] == {
        "container": "one",
        "error": "Client disconnected before the stream was complete",
    }


async def test_a_slow_reader_slows_the_container_down(
    node: NodeUnderTest, container: ScriptedContainer
) -> None:
    sent = 0
    piece = b"x" * 2**16

    async def flood(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        while sent < 15 * 2**20:
            await response.write(piece)
            sent += len(piece)
        return response

    container.answer = flood
    reader, writer = await asyncio.open_connection("127.0.0.1", node.port, limit=2**12)
    body = b'{"containers": ["one"], "data": {}}'
    writer.write(
        b"POST /api/jobs/stream HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b"
        % (len(body), body)
    )
    await reader.readline()
    await until(lambda: sent > 0)
    before = 0
    while sent > before:  # until nothing moves any more
        before = sent
        await asyncio.sleep(0.05)
    stalled_at = sent

    assert stalled_at < 15 * 2**20
    while sent == stalled_at:
        assert await reader.read(2**20)
    writer.close()
