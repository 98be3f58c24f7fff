"""The node on PostgreSQL instead of its file."""

import asyncio
from pathlib import Path

import pytest

from infernet_node.store import postgresql
from test.node.conftest import CONTAINERS
from test.support.brokers import wire_to
from test.support.container import ScriptedContainer
from test.support.node import running_node
from test.support.postgres import schema_url


async def test_jobs_run_and_are_there_after_a_restart(
    tmp_path: Path, container: ScriptedContainer
) -> None:
    async with schema_url() as url:
        config = {
            "containers": [{**CONTAINERS[0], "url": container.url}],
            "store": {"url": url},
        }
        async with running_node(config, tmp_path) as node:
            ids = await asyncio.gather(*(node.submit("one", n=n, text="\0") for n in range(20)))
            finished = [await node.result(job_id) for job_id in ids]
            assert {job["status"] for job in finished} == {"success"}
            assert await node.get("/api/jobs", id="\0") == (200, [])

        async with running_node(config, tmp_path) as node:
            assert [await node.result(job_id) for job_id in ids] == finished
            _, listed = await node.get("/api/jobs")
            assert sorted(listed) == sorted(ids)


async def test_a_server_that_is_silent_holds_neither_probe_nor_stop(
    tmp_path: Path, container: ScriptedContainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "SILENCE", 1.0)
    async with schema_url() as url, wire_to(url) as wire:
        config = {
            "containers": [{**CONTAINERS[0], "url": container.url}],
            "store": {"url": wire.url(url)},
            "fleet": {"broker": "memory://"},
        }
        async with running_node(config, tmp_path) as node:
            wire.stall()
            status, said = await node.get("/health/ready")
            assert (status, said["problems"]) == (503, {"store": "not available"})

            wire.mend()
            assert await node.get("/health/ready") == (200, {"status": "healthy"})
            assert (await node.result(await node.submit("one", n=1)))["status"] == "success"

            wire.stall()
