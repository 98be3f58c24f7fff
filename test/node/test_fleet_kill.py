"""Processes of a fleet that get SIGKILL: each job is finished, and no result is doubled."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from test.support.brokers import NATS, require
from test.support.container import Hold, ScriptedContainer, echo, numbers
from test.support.fleet import fleet_of
from test.support.postgres import schema_url
from test.support.waiting import until

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
async def config(
    container: ScriptedContainer, second: ScriptedContainer
) -> AsyncIterator[dict[str, Any]]:
    broker = await require(NATS)
    async with schema_url() as url:
        yield {
            "store": {"url": url},
            "containers": [{"id": "a", "url": container.url}, {"id": "b", "url": second.url}],
            "fleet": {
                "broker": broker,
                "channel": f"test-{uuid4().hex[:12]}",
                "lease": 3,
                "sweep_period": 0.2,
            },
        }


async def test_a_killed_workers_jobs_and_streams_of_a_killed_api_are_ended_by_others(
    tmp_path: Path,
    config: dict[str, Any],
    container: ScriptedContainer,
    second: ScriptedContainer,
) -> None:
    hold = Hold()
    second.answer = hold
    async with fleet_of(tmp_path, config) as fleet:
        api, other, doomed = await fleet.start_all("api", "api", "worker")
        ids = [await api.submit("a", "b", n=n) for n in range(3)]
        await until(lambda: hold.waiting == 3)
        body = {"containers": ["b"], "data": {"n": 9}}
        async with api.session.post(f"{api.url}/api/jobs/stream", json=body) as response:
            stream = (await response.content.readline()).decode().strip()
            heir = await fleet.start("worker")
            await asyncio.gather(doomed.kill(), api.kill())
        second.answer = echo
        *jobs, cut = await other.finished(*ids, stream)

        assert [job["status"] for job in jobs] == ["success"] * 3
        # The answers of the first container were rows, so only the second one was asked again.
        assert numbers(container) == Counter(range(3))
        claims = heir.logged("jobs_claimed")
        assert sum(line["number"] for line in claims) == 4
        assert {line["role"] for line in claims} == {"worker"}
        assert cut["result"]["error"] == "Stream was cut off when the node stopped"


async def test_whole_nodes_take_over_from_each_other(
    tmp_path: Path, config: dict[str, Any], container: ScriptedContainer
) -> None:
    hold = Hold()
    container.answer = hold
    async with fleet_of(tmp_path, config) as fleet:
        here, there = await fleet.start_all("run", "run")
        ids = [await here.submit("a", n=n) for n in (1, 2)]
        theirs = await there.submit("a", n=3)
        await until(lambda: hold.waiting == 3)
        await there.kill()
        hold.let_go()
        jobs = await here.finished(*ids, theirs)
        assert [job["status"] for job in jobs] == ["success"] * 3
        assert numbers(container) == Counter([1, 2, 3, 3])
        assert await here.stop() == 0
