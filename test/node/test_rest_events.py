"""Following a job, and forgetting it."""

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from test.node.conftest import CONTAINERS
from test.support.container import ScriptedContainer, echo
from test.support.node import NodeUnderTest, running_node


async def events(response: aiohttp.ClientResponse) -> list[dict[str, Any]]:
    """Reads a stream of events to its end."""
    blocks = (await response.text()).split("\n\n")
    return [json.loads(block.partition("\ndata: ")[2]) for block in blocks if block]


def follow(node: NodeUnderTest, job_id: str) -> Any:
    return node.session.get(f"{node.url}/api/jobs/{job_id}/events")


class TestEvents:
    async def test_each_change_until_the_end(
        self, node: NodeUnderTest, second: ScriptedContainer
    ) -> None:
        release = asyncio.Event()

        async def wait(request: web.Request) -> web.StreamResponse:
            await release.wait()
            return await echo(request)

        second.answer = wait
        job_id = await node.submit("one", "two")
        await second.asked.wait()
        async with follow(node, job_id) as response:
            assert response.content_type == "text/event-stream"
            release.set()
            told = await events(response)

        assert [event["status"] for event in told] == ["running", "success"]
        assert [r["container"] for r in told[0]["intermediate_results"]] == ["one"]
        assert told[1] == await node.result(job_id)

    async def test_of_an_ended_job(self, node: NodeUnderTest) -> None:
        job_id = await node.submit("one")
        await node.result(job_id)
        async with follow(node, job_id) as response:
            assert [event["status"] for event in await events(response)] == ["success"]

    async def test_of_no_job(self, node: NodeUnderTest) -> None:
        async with follow(node, "unknown") as response:
            assert (response.status, await response.json()) == (404, {"error": "Job not found"})

    async def test_of_a_reported_job(self, node: NodeUnderTest) -> None:
        report = {"id": "j", "status": "running", "containers": ["one"]}
        await node.put("/api/status", report)
        async with follow(node, "j") as response:
            await node.put("/api/status", {**report, "status": "failed"})
            told = await events(response)
        assert told[-1]["status"] == "failed"

    async def test_so_many_follow(self, tmp_path: Path, container: ScriptedContainer) -> None:
        container.answer = _never
        config = {
            "containers": [{**CONTAINERS[0], "url": container.url}],
            "server": {"max_followers": 1},
            "jobs": {"drain_timeout": 0},
        }
        async with running_node(config, tmp_path) as node:
            job_id = await node.submit("one")
            async with follow(node, job_id) as first:
                await first.content.readline()
                async with follow(node, job_id) as second:
                    assert second.status == 503

    async def test_a_stop_ends_them(self, tmp_path: Path, container: ScriptedContainer) -> None:
        container.answer = _never
        config = {
            "containers": [{**CONTAINERS[0], "url": container.url}],
            "jobs": {"drain_timeout": 0},
        }
        async with aiohttp.ClientSession() as session:
            async with running_node(config, tmp_path) as node:
                job_id = await node.submit("one")
                response = await session.get(f"{node.url}/api/jobs/{job_id}/events")
                await response.content.readline()
            assert b'"running"' in await response.read()


class TestDeletion:
    async def test_of_an_ended_job(self, node: NodeUnderTest) -> None:
        job_id = await node.submit("one")
        await node.result(job_id)
        assert await delete(node, job_id) == 204
        assert await node.get("/api/jobs", id=job_id) == (200, [])
        assert await delete(node, job_id) == 404

    async def test_a_running_one_is_stopped(
        self, node: NodeUnderTest, container: ScriptedContainer
    ) -> None:
        left = asyncio.Event()

        async def until_left(_request: web.Request) -> web.StreamResponse:
            try:
                await asyncio.Event().wait()
            finally:
                left.set()
            raise AssertionError

        container.answer = until_left
        job_id = await node.submit("one")
        await container.asked.wait()
        assert await delete(node, job_id) == 204
        await left.wait()
        assert await node.get("/api/jobs") == (200, [])

    async def test_a_waiting_one_is_never_run(
        self, tmp_path: Path, container: ScriptedContainer
    ) -> None:
        container.answer = _never
        config = {
            "containers": [{**CONTAINERS[0], "url": container.url}],
            "jobs": {"max_running": 1, "max_pending": 2, "drain_timeout": 0},
        }
        async with running_node(config, tmp_path) as node:
            running = await node.submit("one", n=1)
            waiting = await node.submit("one", n=2)
            await container.asked.wait()
            assert await delete(node, waiting) == 204
            container.answer = echo
            assert await delete(node, running) == 204
            # Both have made room.
            assert (await node.result(await node.submit("one", n=3)))["status"] == "success"
            await node.submit("one")
        assert {"n": 2} not in [question["data"] for question in container.questions]

    async def test_a_reported_one_must_have_ended(self, node: NodeUnderTest) -> None:
        report = {"id": "j", "status": "running", "containers": ["one"]}
        await node.put("/api/status", report)
        assert await delete(node, "j") == 409


async def delete(node: NodeUnderTest, job_id: str) -> int:
    async with node.session.delete(f"{node.url}/api/jobs/{job_id}") as response:
        return response.status


async def _never(_request: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError
