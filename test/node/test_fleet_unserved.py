"""A job for which there is no worker: it waits, fails in time, and says for want of what."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from infernet_node.config import Role
from test.node.fleet_roles import OFTEN, Processes
from test.support.brokers import wire_to
from test.support.container import Hold, ScriptedContainer
from test.support.node import NodeUnderTest
from test.support.postgres import schema_url
from test.support.waiting import eventually, until

pytestmark = pytest.mark.timeout(150)

LEASE = 2
"""Seconds. Who does not come to renew it, on a busy machine, judges nobody for a while."""
PATIENCE = 1.5


@pytest.fixture
async def fleet(
    tmp_path: Path, container: ScriptedContainer, second: ScriptedContainer
) -> AsyncIterator[Processes]:
    async with schema_url() as url:
        processes = Processes(tmp_path, url, container, second)
        processes.config["fleet"] |= {"lease": LEASE, "unserved_timeout": PATIENCE}
        async with processes.stack:
            yield processes


def only(fleet: Processes, *ids: str) -> list[dict[str, Any]]:
    """The sections of some containers."""
    return [each for each in fleet.config["containers"] if each["id"] in ids]


async def remarks(node: NodeUnderTest) -> dict[str, str]:
    _, body = await node.get("/health/ready")
    return dict(body.get("remarks", {}))


async def until_remarked(node: NodeUnderTest, remark: str | None) -> None:
    async def remarked() -> bool:
        return (await remarks(node)).get("workers") == remark

    await eventually(remarked)


async def until_refused(node: NodeUnderTest, *containers: str) -> dict[str, Any]:
    """What the first refusal says."""
    answers: list[Any] = []

    async def refused() -> bool:
        answers[:] = await node.post("/api/jobs", {"containers": containers, "data": {}})
        return bool(answers[0] == 503)

    await eventually(refused)
    return dict(answers[1])


async def test_a_job_that_no_worker_serves_fails_and_further_ones_are_refused(
    fleet: Processes,
) -> None:
    api = await fleet.start(Role.API)
    await fleet.start(Role.WORKER, containers=only(fleet, "a"))
    waits = await api.submit("b", n=1)
    both = await api.submit("a", "b", n=2)

    async with api.session.get(f"{api.url}/api/jobs/{waits}/events") as following:
        said = (await following.read()).decode()
    failure = {"container": "b", "error": f"No worker has offered it for {PATIENCE:g} s"}
    for job_id in (waits, both):
        job = await api.result(job_id)
        assert (job["status"], job["result"]) == ("failed", failure)
    assert "failed" in said

    expected = {"error": "No worker offers this container", "params": {"container": "b"}}
    for path, body in (
        ("/api/jobs", {"containers": ["b"], "data": {}}),
        ("/api/jobs", {"containers": ["a", "b"], "data": {}}),
    ):
        async with api.session.post(api.url + path, json=body) as response:
            assert (response.status, await response.json()) == (503, expected)
            assert int(response.headers["Retry-After"]) > 0
    status, (item, fine) = await api.post(
        "/api/jobs/batch", [{"containers": [id], "data": {}} for id in "ba"]
    )
    assert (status, item) == (200, expected)
    # Those of the worker that there is, and streams, which need none.
    assert (await api.result(fine["id"]))["status"] == "success"
    stream = {"containers": ["b"], "data": {"n": 3}}
    async with api.session.post(f"{api.url}/api/jobs/stream", json=stream) as streamed:
        assert streamed.status == 200
    await until_remarked(api, "no worker offers b")


async def test_containers_that_no_worker_has_together(fleet: Processes) -> None:
    api = await fleet.start(Role.API)
    for id in "ab":
        await fleet.start(Role.WORKER, containers=only(fleet, id))
    job_id = await api.submit("b", "a", n=1)
    assert (await api.result(job_id))["result"] == {
        "container": "b",
        "error": f"No worker has offered all of these together for {PATIENCE:g} s: a, b",
    }
    # Each of them has a worker.
    for id in "ab":
        assert (await api.result(await api.submit(id, n=2)))["status"] == "success"
    await until_remarked(api, None)


async def test_a_worker_that_comes_is_not_too_late_for_those_that_ask_then(
    fleet: Processes,
) -> None:
    api = await fleet.start(Role.API)
    with capture_logs() as log:
        assert (await until_refused(api, "a", "b"))["params"] == {"container": "a"}
        await until_remarked(api, "no worker offers a, b")
        await fleet.start(Role.WORKER)
        await until_remarked(api, None)
    said = [(line["event"], line.get("containers")) for line in log]
    for event in ("containers_without_worker", "containers_with_worker_again"):
        assert said.count((event, ["a", "b"])) == 1
    job_id = await api.submit("a", "b", n=1)
    assert (await api.result(job_id))["status"] == "success"


async def test_a_container_that_is_down_everywhere_has_no_worker(
    fleet: Processes, container: ScriptedContainer
) -> None:
    fleet.config["jobs"] |= {"health_check_period": 0.01}
    containers = [*only(fleet, "a"), {"id": "down", "url": "http://127.0.0.1:9"}]
    api = await fleet.start(Role.API, containers=containers)
    await fleet.start(Role.WORKER, containers=containers)
    job = await api.result(await api.submit("down", n=1))
    assert (job["status"], job["result"]["container"]) == ("failed", "down")


async def test_a_job_whose_worker_died_fails_if_no_other_one_has_its_container(
    fleet: Processes, container: ScriptedContainer
) -> None:
    container.answer = hold = Hold()
    api = await fleet.start(Role.API)
    await fleet.start(Role.WORKER, containers=only(fleet, "b"))
    async with AsyncExitStack() as leaving:
        mortal = await fleet.start(Role.WORKER, containers=only(fleet, "a"), stack=leaving)
        job_id = await api.submit("a", n=1)
        await until(lambda: hold.waiting == 1)
        await die(mortal)
        job = await api.result(job_id)
        assert (job["status"], job["result"]["container"]) == ("failed", "a")
        hold.let_go()


async def die(node: NodeUnderTest) -> None:
    """Has a process go on with its jobs and show no more that it lives."""
    assert node.services.membership is not None
    member = node.services.membership.member

    async def silent() -> bool:
        return False

    member.lease.attempt = silent  # type: ignore[method-assign]


async def test_a_whole_node_watches_too(fleet: Processes) -> None:
    async with AsyncExitStack() as leaving:
        api = await fleet.start(Role.API, stack=leaving, fleet=patient(fleet))
        job_id = await api.submit("b", n=1)
    node = await fleet.start(Role.RUN, containers=only(fleet, "a"))
    assert (await node.result(job_id))["status"] == "failed"


async def test_it_waits_without_end_where_that_is_wanted(
    fleet: Processes, container: ScriptedContainer
) -> None:
    fleet.config["fleet"] |= {"unserved_timeout": 0}
    api = await fleet.start(Role.API)
    job_id = await api.submit("a", n=1)
    await until_remarked(api, "no worker offers a, b")
    assert (await api.post("/api/jobs", {"containers": ["a"], "data": {}}))[0] == 200
    await fleet.start(Role.WORKER)
    assert (await api.result(job_id))["status"] == "success"


async def test_a_worker_of_an_older_version_may_have_it(fleet: Processes) -> None:
    """It does not say what it has, so nobody is refused on its account."""
    far = {"id": "far", "url": "http://127.0.0.1:9"}
    api = await fleet.start(Role.API, containers=[*only(fleet, "a"), far])
    older = await fleet.start(Role.WORKER)
    assert (await until_refused(api, "far"))["params"] == {"container": "far"}
    assert older.services.membership is not None
    older.services.membership.member.lease._offers = lambda: None
    await until_remarked(api, None)
    assert (await api.post("/api/jobs", {"containers": ["far"], "data": {}}))[0] == 200


def patient(fleet: Processes) -> dict[str, Any]:
    return {**fleet.config["fleet"], "unserved_timeout": 0}


async def test_a_store_that_was_away_makes_nobody_a_missing_worker(
    tmp_path: Path, container: ScriptedContainer
) -> None:
    container.answer = hold = Hold()
    async with schema_url() as url, wire_to(url) as wire, AsyncExitStack() as stack:
        fleet = Processes(tmp_path, wire.url(url), container)
        await stack.enter_async_context(fleet.stack)
        # Nobody is waited for longer than the worker takes to show itself again.
        shared = {**fleet.config["fleet"], "unserved_timeout": 0.1}
        api = await fleet.start(Role.API, fleet={**shared, "lease": 2})
        await fleet.start(Role.WORKER, fleet={**shared, "lease": 1.5})
        job_id = await api.submit("a", n=1)
        await until(lambda: hold.waiting == 1)
        wire.cut()
        await asyncio.sleep(2.5)  # longer than the leases: everybody was silent for so long
        wire.mend()
        await until(lambda: watches(api))
        assert (await api.get("/api/jobs", id=job_id))[1][0]["status"] == "running"
        assert "workers" not in await remarks(api)
        hold.let_go()
        assert (await api.result(job_id))["status"] == "success"
        assert len(container.questions) == 1


def watches(node: NodeUnderTest) -> bool:
    """Whether a process has shown itself without a gap for long enough to judge others."""
    assert node.services.membership is not None
    lease = node.services.membership.member.lease
    return lease.held_for > lease.seconds + 5 * OFTEN
