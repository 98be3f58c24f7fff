"""The image of the service, built and run on a real Docker Engine."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiodocker
import aiohttp
import pytest
from aiodocker.containers import DockerContainer

from infernet_node.containers.docker import DockerEngine
from scripts.processes import free_port
from test.support import python_image
from test.support.mock_tgi import Behaviour, MockTGI
from test.support.node_process import configure, started
from test.support.python_image import ROOT

RECIPE = ROOT / "deploy/service.Dockerfile"
QUESTION = "Can shrimp actually fry rice fr?"
JOB = {"source": 1, "destination": 1, "data": {"text": QUESTION}}
COMMANDS = ("--bind=0.0.0.0:3000 --workers=2", "--bind= --workers=2")
"""As the user's document has it: with its address restored, and as printed."""
_BUILD = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def tgi() -> Iterator[MockTGI]:
    """A TGI server that containers reach too."""
    with MockTGI(host="0.0.0.0") as server:
        yield server


@pytest.fixture(autouse=True)
def _forgetful(tgi: MockTGI) -> None:
    tgi.reset()


@pytest.fixture(scope="module")
def image(docker_host: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The image, built as the guide says, on a base made of this machine's Python."""
    directory = tmp_path_factory.mktemp("image")
    name = f"infernet-test-{uuid4().hex[:8]}/tgi_client_inference_service:1"
    lock = ROOT / "requirements/service.lock"
    made = asyncio.run(python_image.build(docker_host, RECIPE, lock, name, directory))
    yield name
    asyncio.run(python_image.delete(docker_host, *made))


@asynccontextmanager
async def running(
    docker: aiodocker.Docker, image: str, command: str, environment: dict[str, str]
) -> AsyncIterator[DockerContainer]:
    """Runs the image as the node would."""
    container = await docker.containers.run(
        {
            "Image": image,
            "Cmd": command.split(),
            "Env": [f"{name}={value}" for name, value in environment.items()],
            "ExposedPorts": {"3000/tcp": {}},
            "HostConfig": {
                "PortBindings": {"3000/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]},
                "ExtraHosts": ["host.docker.internal:host-gateway"],
            },
        }
    )
    try:
        yield container
    finally:
        await container.delete(force=True)


def sample(tgi: MockTGI) -> dict[str, str]:
    """The seven variables of the user's document, its placeholder filled in."""
    port = tgi.url.rpartition(":")[2]
    return {
        "TGI_INF_WORKFLOW_POSITIONAL_ARGS": json.dumps([f"http://host.docker.internal:{port}", 30]),
        "TGI_INF_WORKFLOW_KW_ARGS": "{}",
        "TGI_REQUEST_TRIES": "3",
        "TGI_REQUEST_DELAY": "3",
        "TGI_REQUEST_MAX_DELAY": "10",
        "TGI_REQUEST_BACKOFF": "2",
        "TGI_REQUEST_JITTER": "[0.5,1.5]",
    }


async def url_of(container: DockerContainer) -> str:
    port = await container.port(3000)
    assert port is not None
    return f"http://127.0.0.1:{port[0]['HostPort']}"


async def until_healthy(container: DockerContainer) -> None:
    while True:
        state = (await container.show())["State"]
        assert state["Running"], "".join(await container.log(stdout=True, stderr=True))
        if state["Health"]["Status"] == "healthy":
            return
        await asyncio.sleep(0.2)


async def inside(container: DockerContainer, program: str) -> Any:
    """Runs a Python program in a container; returns the JSON that it prints."""
    execution = await container.exec(["python", "-c", program])
    async with execution.start() as stream:
        printed = b""
        while message := await stream.read_out():
            printed += message.data
    return json.loads(printed)


PROCESSES = """
import json, pathlib
lines = (p.read_bytes() for p in pathlib.Path("/proc").glob("[0-9]*/cmdline"))
programs = [line.split(bytes(1))[1:2] for line in lines]
print(json.dumps(programs.count([b"/opt/tgi-service/bin/tgi-service"])))
"""


@_BUILD
@pytest.mark.parametrize("command", COMMANDS)
async def test_image_answers_is_healthy_and_ends_cleanly(
    docker: aiodocker.Docker, image: str, tgi: MockTGI, command: str
) -> None:
    async with (
        aiohttp.ClientSession() as http,
        running(docker, image, command, sample(tgi)) as container,
    ):
        await until_healthy(container)
        url = await url_of(container)
        async with http.post(f"{url}/service_output", json=JOB) as response:
            assert response.status == 200
            assert (await response.json())["output"]
        assert tgi.generations[-1].json["inputs"] == QUESTION
        assert await inside(container, "import os; print(os.getuid())") == 10001
        assert await inside(container, PROCESSES) == 1 + 2

        tgi.script(Behaviour(hold=True))
        asked = len(tgi.generations)
        under_way = asyncio.create_task(_ask(http, url))
        await asyncio.to_thread(tgi.wait_for, lambda tgi: len(tgi.generations) > asked)
        await container.kill(signal="SIGTERM")
        await _until(lambda: refused(http, url))
        tgi.release()

        assert (await under_way)["output"]
        assert (await container.wait())["StatusCode"] == 0


@_BUILD
async def test_image_that_is_not_configured_ends_and_names_the_variable(
    docker: aiodocker.Docker, image: str
) -> None:
    async with running(docker, image, COMMANDS[0], {}) as container:
        assert (await container.wait())["StatusCode"] != 0
        said = "".join(await container.log(stdout=True, stderr=True))

    assert "TGI_INF_WORKFLOW_POSITIONAL_ARGS" in said


@_BUILD
@pytest.mark.parametrize("command", COMMANDS)
async def test_node_runs_the_image_as_its_configuration_says(
    tmp_path: Path, docker_host: str, docker: aiodocker.Docker, image: str, command: str
) -> None:
    name = f"infernet-test-{uuid4().hex[:8]}"
    entry = {
        "id": name,
        "image": image,
        "external": True,
        "port": str(free_port()),
        "allowed_delegate_addresses": [],
        "allowed_addresses": [],
        "allowed_ips": [],
        "command": command,
        "env": {},
    }
    with MockTGI(host=await _gateway(docker)) as tgi:
        entry["env"] = {
            **sample(tgi),
            "TGI_INF_WORKFLOW_POSITIONAL_ARGS": json.dumps([tgi.url, 30]),
        }
        path = configure(tmp_path, {"containers": [entry]})
        try:
            async with started(path, DOCKER_HOST=docker_host) as node:
                await node.until("container_running")
                (job,) = await node.finished(await node.submit(name, text=QUESTION))
        finally:
            await docker.containers.container(name).delete(force=True)

    assert job["status"] == "success"
    assert job["result"]["output"]["output"]


async def _gateway(docker: aiodocker.Docker) -> str:
    """Returns the address of this machine in the network of containers."""
    gateway = await DockerEngine(docker, None).bridge_gateway()
    assert gateway is not None
    return gateway


async def _ask(http: aiohttp.ClientSession, url: str) -> dict[str, Any]:
    async with http.post(f"{url}/service_output", json=JOB) as response:
        answer: dict[str, Any] = await response.json()
        return answer


async def refused(http: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with http.get(url, headers={"Connection": "close"}):
            return False
    except aiohttp.ClientError:
        return True


async def _until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Waits for something that no event announces."""
    while not await condition():  # noqa: ASYNC110
        await asyncio.sleep(0.05)
