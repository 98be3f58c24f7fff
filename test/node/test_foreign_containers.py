"""No job goes to a container that cannot be reached, whoever runs it."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import web

from infernet_node.config import parse_config
from scripts.processes import free_port
from test.support.container import ScriptedContainer
from test.support.node import NodeUnderTest, running_node


async def readiness(node: NodeUnderTest, status: int) -> None:
    while True:
        if (await node.get("/health/ready"))[0] == status:
            return
        await asyncio.sleep(0.01)


async def test_one_that_goes_and_comes_back(tmp_path: Path) -> None:
    port = free_port()
    config = {
        "containers": [{"id": "a", "url": f"http://127.0.0.1:{port}"}],
        "jobs": {"health_check_period": 0.01},
    }
    async with running_node(config, tmp_path) as node:
        await readiness(node, 503)
        status, body = await node.post("/api/jobs", {"containers": ["a"], "data": {}})
        assert (status, body) == (
            503,
            {"error": "Container is not running", "params": {"container": "a"}},
        )
        async with ScriptedContainer(port=port).serve():
            await readiness(node, 200)
            assert (await node.result(await node.submit("a")))["status"] == "success"


async def test_a_busy_one_is_not_down(tmp_path: Path, container: ScriptedContainer) -> None:
    async def busy(_request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    container.answer = busy
    config = {
        "containers": [{"id": "a", "url": container.url}],
        "jobs": {"health_check_period": 0.001, "drain_timeout": 0},
    }
    async with running_node(config, tmp_path) as node:
        await node.submit("a")
        await container.asked.wait()
        for _ in range(20):
            assert (await node.get("/health/ready"))[0] == 200
            await asyncio.sleep(0.005)


@pytest.mark.parametrize(("managed", "ids"), [(True, ["url"]), (False, ["url", "image"])])
def test_which_those_are(managed: bool, ids: list[str]) -> None:
    config = parse_config(
        {
            "manage_containers": managed,
            "containers": [
                {"id": "url", "url": "http://a"},
                {"id": "image", "image": "a"},
                {"id": "process", "process": "serve"},
            ],
        },
        {},
    ).config
    assert [container.id for container in config.foreign_containers] == ids
