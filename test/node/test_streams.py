"""Streamed jobs apart from REST: how many, and what a stop does to them."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from infernet_node.admission import NotAcceptingError
from infernet_node.config import ContainerConfig, JobsConfig
from infernet_node.containers.calls import ContainerClient
from infernet_node.containers.endpoint import endpoints_of
from infernet_node.intake import JobOrder
from infernet_node.pipeline import Pipeline
from infernet_node.store.database import Database
from infernet_node.store.jobs import JobStore
from infernet_node.streams import Streams
from test.support.container import ScriptedContainer, streaming

ORDER = JobOrder(["a"], {}, b"{}", False)


@pytest.fixture
async def streams(tmp_path: Path, container: ScriptedContainer) -> AsyncIterator[Streams]:
    """One at a time."""
    database = await Database.open(f"sqlite+aiosqlite:///{tmp_path}/jobs.sqlite")
    client = await ContainerClient.open(max_answer_bytes=10_000)
    pipeline = Pipeline(endpoints_of([ContainerConfig(id="a", url=container.url)], None), client)
    yield Streams(JobStore(database), pipeline, JobsConfig(max_running=1))
    await client.close()
    await database.close()


class Sink:
    """Takes pieces, and says when there is one of the container's."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.answered = asyncio.Event()

    async def __call__(self, piece: bytes) -> None:
        self.pieces.append(piece)
        if len(self.pieces) > 1:
            self.answered.set()


async def test_so_many_at_a_time(streams: Streams, container: ScriptedContainer) -> None:
    container.answer = streaming(b"x")
    for _ in range(3):
        job = await streams.open(ORDER, "ip")
        with pytest.raises(NotAcceptingError):
            await streams.open(ORDER, "ip")
        sink = Sink()
        await streams.deliver(job, sink)
        assert sink.pieces == [job.id.encode() + b"\n", b"x"]


async def test_a_stop_cuts_off_what_does_not_end(
    streams: Streams, container: ScriptedContainer
) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"x")
        await asyncio.Event().wait()
        return response

    container.answer = endless
    job, sink = await streams.open(ORDER, "ip"), Sink()
    delivery = asyncio.create_task(streams.deliver(job, sink))
    await sink.answered.wait()
    await streams.close(0, asyncio.Event())

    assert delivery.cancelled()
    assert job.status == "failed"
    assert job.results == [{"container": "a", "error": "Stream was cut off when the node stopped"}]
    with pytest.raises(NotAcceptingError, match="shutting down"):
        await streams.open(ORDER, "ip")
