"""The image of the node, built and run on a real Docker Engine."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import aiodocker
import aiohttp
import pytest
from aiodocker.containers import DockerContainer

from test.support import python_image
from test.support.python_image import ROOT

pytestmark = pytest.mark.timeout(600)

RECIPE = ROOT / "deploy/node.Dockerfile"
CONFIG = "/etc/infernet/config.json"
STORE = "postgresql+asyncpg://infernet:secret@postgres/infernet"


@pytest.fixture(scope="module")
def image(docker_host: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The image, built as its recipe says, on a base made of this machine's Python."""
    directory = tmp_path_factory.mktemp("image")
    name = f"infernet-test-{uuid4().hex[:8]}/infernet-node:1"
    lock = ROOT / "requirements/node.lock"
    made = asyncio.run(python_image.build(docker_host, RECIPE, lock, name, directory))
    yield name
    asyncio.run(python_image.delete(docker_host, *made))


async def run(
    docker: aiodocker.Docker, image: str, config: Path, *command: str, **environment: str
) -> DockerContainer:
    return await docker.containers.run(
        {
            "Image": image,
            "Cmd": list(command),
            "Env": [f"{name}={value}" for name, value in environment.items()],
            "ExposedPorts": {"4000/tcp": {}},
            "HostConfig": {
                "Binds": [f"{config}:{CONFIG}:ro"],
                "PortBindings": {"4000/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]},
            },
        }
    )


async def said(container: DockerContainer) -> str:
    return "".join(await container.log(stdout=True, stderr=True))


async def test_it_serves_is_healthy_and_ends_cleanly(
    docker: aiodocker.Docker, image: str, tmp_path: Path
) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"manage_containers": False}))
    config.chmod(0o644)
    container = await run(docker, image, config, "run")
    try:
        while (state := (await container.show())["State"])["Health"]["Status"] != "healthy":
            assert state["Running"], await said(container)
            await asyncio.sleep(0.2)
        port = await container.port(4000)
        assert port is not None
        url = f"http://127.0.0.1:{port[0]['HostPort']}"
        async with aiohttp.ClientSession() as http, http.get(f"{url}/health/ready") as response:
            assert (response.status, await response.json()) == (200, {"status": "healthy"})
        await container.kill(signal="SIGTERM")
        assert (await container.wait())["StatusCode"] == 0
    finally:
        await container.delete(force=True)


@pytest.mark.parametrize("role", ["api", "worker"])
async def test_the_sample_of_a_fleet_is_taken(
    docker: aiodocker.Docker, image: str, role: str
) -> None:
    sample = ROOT / "deploy/fleet.json"
    environment = {
        "INFERNET_STORE_URL": STORE,
        "INFERNET_BROKER_URL": "nats://nats:4222",
        "INFERNET_RPC_URL": "http://chain:8545",
    }
    container = await run(docker, image, sample, "check-config", "--role", role, **environment)
    try:
        assert (await container.wait())["StatusCode"] == 0, await said(container)
        assert "The configuration is valid." in await said(container)
    finally:
        await container.delete(force=True)
