"""A node in several roles over one store, each in this process: who does what, and who is told."""

import asyncio
import json
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse
from structlog.testing import capture_logs

from infernet_node.config import Role
from scripts.processes import free_port
from test.node.fleet_roles import OFTEN, Processes, figure
from test.support.brokers import NATS, REDIS, require, wire_to
from test.support.container import Hold, ScriptedContainer, numbers
from test.support.node import NodeUnderTest
from test.support.postgres import schema_url
from test.support.waiting import eventually, until

pytestmark = pytest.mark.timeout(150)

LONG = 600
"""Seconds that no test takes: whoever waits for them is stuck."""


async def event(response: ClientResponse) -> dict[str, Any]:
    """The next event of a stream that says something."""
    while True:
        block = (await response.content.readuntil(b"\n\n")).decode()
        if "data: " in block:
            return dict(json.loads(block.partition("data: ")[2]))


@pytest.mark.parametrize("broker", ["postgresql", "redis", "nats", "memory"])
async def test_jobs_of_an_api_are_done_once_by_workers(
    fleet: Processes, container: ScriptedContainer, broker: str
) -> None:
    urls = {"redis": REDIS, "nats": NATS}
    url = await require(urls[broker]) if broker in urls else None
    # With a broker nobody ever looks for work by itself: whoever finds some was woken.
    quiet: dict[str, Any] = {"broker": url, "sweep_period": LONG}
    fleet.config["fleet"] |= {"broker": "memory://"} if broker == "memory" else quiet
    hold = Hold()
    container.answer = hold
    nodes = [await fleet.start(role) for role in (Role.API, Role.WORKER, Role.WORKER)]
    api, *workers = nodes
    if broker != "memory":
        await fleet.woken_only(*nodes)

    ids = await asyncio.gather(*(api.submit("a", n=n) for n in range(80)))
    await until(lambda: hold.waiting == 80)
    async with api.session.get(f"{api.url}/api/jobs/{ids[0]}/events") as following:
        assert (await event(following))["status"] == "running"
        hold.let_go()
        assert (await event(following))["status"] == "success"

    jobs = [await api.result(job_id) for job_id in ids]
    assert [job["result"]["output"]["output"]["n"] for job in jobs] == list(range(80))
    assert numbers(container) == Counter(range(80))
    shares = [await figure(worker, "infernet_jobs_claimed_total") for worker in workers]
    assert sum(shares) == 80


async def test_a_stopped_worker_leaves_its_jobs_at_once(
    fleet: Processes, container: ScriptedContainer
) -> None:
    # Only a worker that says so can be noticed before the test is over.
    fleet.config["fleet"] |= {"lease": LONG, "sweep_period": LONG}
    fleet.config["jobs"] = {"drain_timeout": 0, "max_attempts": 1}
    hold = Hold()
    container.answer = hold
    api = await fleet.start(Role.API)
    async with AsyncExitStack() as leaving:
        gone = await fleet.start(Role.WORKER, stack=leaving)
        await fleet.woken_only(api, gone)
        job_id = await api.submit("a", n=1)
        await until(lambda: hold.waiting == 1)
        await fleet.woken_only(await fleet.start(Role.WORKER))
    await until(lambda: hold.waiting == 2)
    hold.let_go()
    # One attempt is all it had: a planned stop is none.
    assert (await api.result(job_id))["status"] == "success"


@pytest.mark.parametrize("told", [True, False])
async def test_a_deletion_reaches_the_process_that_runs_the_job(
    fleet: Processes, container: ScriptedContainer, told: bool
) -> None:
    fleet.config["fleet"] |= {"lease": LONG} if told else {"lease": 1, "broker": "memory://"}
    hold = Hold()
    container.answer = hold
    api, worker = await fleet.start(Role.API), await fleet.start(Role.WORKER)
    if told:
        await fleet.woken_only(api, worker)
    job_id = await api.submit("a", n=1)
    await until(lambda: hold.waiting == 1)
    async with api.session.delete(f"{api.url}/api/jobs/{job_id}") as response:
        assert response.status == 204
    await until(lambda: hold.left == 1)
    assert await api.get("/api/jobs", id=job_id) == (200, [])


async def test_without_a_broker_work_goes_on(
    fleet: Processes, container: ScriptedContainer
) -> None:
    nowhere = f"nats://127.0.0.1:{free_port()}"
    fleet.config["fleet"] |= {"broker": nowhere}
    api, worker = await fleet.start(Role.API), await fleet.start(Role.WORKER)
    assert (await api.result(await api.submit("a", n=1)))["status"] == "success"
    for node in (api, worker):
        status, body = await node.get("/health/ready")
        assert (status, body["status"]) == (200, "healthy")
        assert body["remarks"]["broker"].startswith(f"{nowhere} cannot be reached")
        assert await figure(node, "infernet_broker_connected") == 0


async def test_a_follower_sees_changes_that_nobody_told(
    fleet: Processes, container: ScriptedContainer, second: ScriptedContainer
) -> None:
    fleet.config["fleet"] |= {"broker": "memory://"}
    first, last = Hold(), Hold()
    container.answer, second.answer = first, last
    api = await fleet.start(Role.API)
    await fleet.start(Role.WORKER)
    job_id = await api.submit("a", "b", n=1)
    async with api.session.get(f"{api.url}/api/jobs/{job_id}/events") as following:
        assert (await event(following))["intermediate_results"] == []
        first.let_go()
        assert len((await event(following))["intermediate_results"]) == 1
        last.let_go()
        assert (await event(following))["status"] == "success"


async def test_a_job_waits_for_a_worker_that_has_its_container(fleet: Processes) -> None:
    api = await fleet.start(Role.API)
    only_b = await fleet.start(Role.WORKER, containers=fleet.config["containers"][1:])
    both = await api.submit("a", "b", n=1)
    assert (await api.result(await api.submit("b", n=2)))["status"] == "success"
    _, (waiting,) = await api.get("/api/jobs", id=both)
    assert waiting["status"] == "running"
    await fleet.start(Role.WORKER)
    assert (await api.result(both))["status"] == "success"
    assert await figure(only_b, "infernet_jobs_claimed_total") == 1


async def test_a_worker_takes_no_job_whose_container_is_down(
    fleet: Processes, container: ScriptedContainer
) -> None:
    port = free_port()
    fleet.config["containers"][1]["url"] = f"http://127.0.0.1:{port}"
    fleet.config["jobs"] = {"health_check_period": 0.01}
    api, worker = await fleet.start(Role.API), await fleet.start(Role.WORKER)
    await until(lambda: not worker.services.is_running("b"))
    job_id = await api.submit("b", n=1)
    assert (await api.result(await api.submit("a", n=2)))["status"] == "success"
    async with ScriptedContainer(port=port).serve():
        assert (await api.result(job_id))["status"] == "success"


async def test_too_many_pending_in_all_processes_are_refused(fleet: Processes) -> None:
    fleet.config["jobs"] = {"max_pending": 3, "max_running": 1}
    here, there = await fleet.start(Role.API), await fleet.start(Role.API)
    ids = [await here.submit("a", n=n) for n in range(3)]

    async def refused() -> bool:
        status, body = await there.post("/api/jobs", {"containers": ["a"], "data": {"n": 9}})
        if status == 200:
            await there.session.delete(f"{there.url}/api/jobs/{body['id']}")
        return status == 503

    await eventually(refused)
    await fleet.start(Role.WORKER)
    assert {(await there.result(job_id))["status"] for job_id in ids} == {"success"}


async def test_a_worker_has_no_more_than_it_can_run(
    fleet: Processes, container: ScriptedContainer
) -> None:
    fleet.config["jobs"] = {"max_running": 2, "max_pending": 10, "drain_timeout": 0}
    hold = Hold()
    container.answer = hold
    api = await fleet.start(Role.API)
    ids = [await api.submit("a", n=n) for n in range(5)]
    busy = await fleet.start(Role.WORKER)
    await until(lambda: hold.waiting == 2)
    assert await figure(busy, "infernet_jobs_claimed_total") == 2
    hold.let_go()
    jobs = [await api.result(job_id) for job_id in ids]
    assert [job["status"] for job in jobs] == ["success"] * 5
    assert numbers(container) == Counter(range(5))


class TestWholeNodes:
    """Several processes that each do everything."""

    async def test_who_accepts_a_job_runs_it_and_everybody_knows_it(
        self, fleet: Processes, container: ScriptedContainer
    ) -> None:
        hold = Hold()
        container.answer = hold
        here, there = await fleet.start(Role.RUN), await fleet.start(Role.RUN)
        ids = [await here.submit("a", n=n) for n in range(3)]
        await until(lambda: hold.waiting == 3)
        assert await figure(here, "infernet_jobs_running") == 3
        _, seen = await there.get("/api/jobs", id=ids[0])
        assert [job["status"] for job in seen] == ["running"]
        hold.let_go()
        for job_id in ids:
            assert (await there.result(job_id))["status"] == "success"
        assert await figure(there, "infernet_jobs_claimed_total") == 0
        assert numbers(container) == Counter(range(3))

    async def test_one_with_a_queue_of_its_own_takes_nothing_more(
        self, fleet: Processes, container: ScriptedContainer
    ) -> None:
        fleet.config["jobs"] = {"max_running": 1, "max_pending": 9, "drain_timeout": 0}
        hold = Hold()
        container.answer = hold
        node, api = await fleet.start(Role.RUN), await fleet.start(Role.API)
        mine = [await node.submit("a", n=n) for n in range(4)]
        theirs = await api.submit("a", n=4)
        with capture_logs() as log:
            await asyncio.sleep(5 * OFTEN)  # it looks for work, and has no room
            hold.let_go()
            for job_id in (*mine, theirs):
                assert (await api.result(job_id))["status"] == "success"
        assert "jobs_not_claimed" not in [line["event"] for line in log]
        assert [question["data"]["n"] for question in container.questions] == list(range(5))

    async def test_a_deleted_result_is_gone_everywhere(self, fleet: Processes) -> None:
        here, there = await fleet.start(Role.RUN), await fleet.start(Role.RUN)
        job_id = await here.submit("a", n=1)
        await here.result(job_id)
        async with there.session.delete(f"{there.url}/api/jobs/{job_id}") as response:
            assert response.status == 204
        assert await here.get("/api/jobs", id=job_id) == (200, [])


async def test_a_store_that_was_away_gives_nobody_up(
    tmp_path: Path, container: ScriptedContainer
) -> None:
    hold = Hold()
    container.answer = hold
    async with schema_url() as url, wire_to(url) as wire, AsyncExitStack() as stack:
        fleet = Processes(tmp_path, wire.url(url), container)
        fleet.config["fleet"] |= {"lease": 3}
        await stack.enter_async_context(fleet.stack)
        here, there = await fleet.start(Role.RUN), await fleet.start(Role.RUN)
        ids = [await here.submit("a", n=1), await there.submit("a", n=2)]
        await until(lambda: hold.waiting == 2)

        wire.cut()
        await unready(here)
        hold.let_go()
        await asyncio.sleep(3.5)  # longer than the lease: everybody was silent for so long
        wire.mend()
        for node in (here, there):
            jobs = [await node.result(job_id) for job_id in ids]
            assert [job["status"] for job in jobs] == ["success"] * 2
        # Nobody was taken for dead, so nothing was computed again.
        assert numbers(container) == Counter([1, 2])
        assert (await here.get("/health/ready"))[0] == 200


async def unready(node: NodeUnderTest) -> None:
    async def store_is_missing() -> bool:
        status, body = await node.get("/health/ready")
        return status == 503 and "store" in body["problems"]

    await eventually(store_is_missing)
