"""What a process of a fleet shows to callers and operators, by its role."""

import pytest

from infernet_node.config import Role
from scripts.processes import free_port
from test.node.fleet_roles import Processes, figure
from test.support.container import ScriptedContainer, answering

pytestmark = pytest.mark.timeout(150)


async def test_a_worker_shows_how_it_is_and_takes_no_requests(fleet: Processes) -> None:
    worker = await fleet.start(Role.WORKER)
    assert (await worker.get("/health")) == (200, {"status": "healthy"})
    await fleet.woken_only(worker)
    assert (await worker.get("/health/ready")) == (200, {"status": "healthy"})
    assert await figure(worker, "infernet_jobs_running_limit") == 256
    for path in ("/api/jobs", "/info", "/openapi.json", "/api/chain/subscriptions/1"):
        assert (await worker.get(path))[0] == 404


async def test_an_api_judges_no_container(fleet: Processes) -> None:
    fleet.config["containers"].append({"id": "far", "url": f"http://127.0.0.1:{free_port()}"})
    fleet.config["jobs"] = {"health_check_period": 0.01}
    api = await fleet.start(Role.API)
    assert (await api.get("/health/ready"))[0] == 200
    job_id = await api.submit("far", n=1)
    _, (job,) = await api.get("/api/jobs", id=job_id)
    assert job["status"] == "running"


async def test_an_answer_has_the_shape_of_a_whole_nodes(
    fleet: Processes, container: ScriptedContainer
) -> None:
    container.answer = answering({"output": "hello"})
    api = await fleet.start(Role.API)
    await fleet.start(Role.WORKER)
    job_id = await api.submit("a", n=1)
    assert await api.result(job_id) == {
        "id": job_id,
        "status": "success",
        "result": {"container": "a", "output": {"output": "hello"}},
        "intermediate_results": [],
    }
    assert await api.get("/api/jobs") == (200, [job_id])
    _, info = await api.get("/info")
    assert info["pending"] == {"offchain": 0, "onchain": 0}


async def test_an_idempotency_key_holds_at_every_api(fleet: Processes) -> None:
    here, there = await fleet.start(Role.API), await fleet.start(Role.API)
    body = {"containers": ["a"], "data": {}}
    ids = set()
    for node in (here, there):
        headers = {"Idempotency-Key": "k"}
        url = f"{node.url}/api/jobs"
        async with node.session.post(url, json=body, headers=headers) as response:
            ids.add((await response.json())["id"])
    assert len(ids) == 1
