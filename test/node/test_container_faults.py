"""Everything that a container can do wrong, seen by a client of the whole node."""

import asyncio
import socket
import struct
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from scripts.processes import free_port
from test.support.container import Answer, ScriptedContainer, answering, echo
from test.support.node import running_node

BROKEN_OFF = "Container broke off the connection before its answer was complete"
PIECE = b"x" * 2**20


async def hangs(_request: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def resets(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    connection = request.transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.transport.abort()
    raise asyncio.CancelledError


async def fifty_megabytes(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(50):
        await response.write(PIECE)
    return response


async def invalid_text(_request: web.Request) -> web.StreamResponse:
    return web.Response(body=b'{"output": "\xff\xfe"}', content_type="application/json")


async def dies_midway(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "100"})
    await response.prepare(request)
    await response.write(b'{"output"')
    assert request.transport is not None
    request.transport.abort()
    return response


FAULTS: dict[str, tuple[Answer, str]] = {
    "hangs": (hangs, "Container timed out after 0.5 s"),
    "resets": (resets, BROKEN_OFF),
    "dies midway": (dies_midway, BROKEN_OFF),
    "500 with JSON": (
        answering({"output": "as if"}, status=500),
        "Container answered with HTTP status 500",
    ),
    "redirect": (
        answering(text="over there", status=302),
        "Container answered with HTTP status 302",
    ),
    "200 with HTML": (
        answering(text="<html></html>", content_type="text/html"),
        "Container did not answer with JSON",
    ),
    "50 MB": (fifty_megabytes, f"Container answered more than {16 * 2**20} bytes"),
    "invalid UTF-8": (invalid_text, "Container did not answer with JSON"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_the_job_fails_by_name_and_the_next_one_succeeds(
    tmp_path: Path, container: ScriptedContainer, fault: str
) -> None:
    container.answer, error = FAULTS[fault]
    timeouts = {"answer": 0.5} if fault == "hangs" else {}
    containers = [{"id": "a", "url": container.url, "timeouts": timeouts}]
    async with running_node({"containers": containers}, tmp_path) as node:
        failed = await node.result(await node.submit("a"))
        assert (failed["status"], failed["result"]) == (
            "failed",
            {"container": "a", "error": error},
        )
        container.answer = echo
        assert (await node.result(await node.submit("a")))["status"] == "success"


async def test_nobody_listens(tmp_path: Path) -> None:
    containers = [{"id": "a", "url": f"http://127.0.0.1:{free_port()}"}]
    async with running_node({"containers": containers}, tmp_path) as node:
        failed = await node.result(await node.submit("a"))
    assert failed["result"]["error"] == "Container could not be reached"


@pytest.mark.parametrize("fault", ["resets", "dies midway", "redirect", "500 with JSON", "50 MB"])
async def test_a_stream_is_broken_off(
    tmp_path: Path, container: ScriptedContainer, fault: str
) -> None:
    container.answer, error = FAULTS[fault]
    async with running_node({"containers": [{"id": "a", "url": container.url}]}, tmp_path) as node:
        body = {"containers": ["a"], "data": {}}
        async with node.session.post(f"{node.url}/api/jobs/stream", json=body) as response:
            job_id = (await response.content.readline()).decode().strip()
            with pytest.raises(aiohttp.ClientPayloadError):
                await response.read()
        assert (await node.result(job_id))["result"]["error"] == error
