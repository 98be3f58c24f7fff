"""The sample of a fleet in deploy/, started with Docker Compose as its head says."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import aiohttp
import pytest

from scripts.accounts import REQUESTER, anvil_account
from scripts.chain import Sender, connect
from scripts.chat import Chat
from scripts.deployment import CONTAINER
from scripts.processes import free_port
from scripts.stack import Ports, Stack
from test.e2e.conftest import eventually
from test.support import python_image
from test.support.compose import Compose
from test.support.mock_tgi import MockTGI
from test.support.python_image import ROOT
from test.support.server_images import build_nats, build_postgres

pytestmark = pytest.mark.timeout(900)

QUESTION = "Can shrimp actually fry rice fr?"
NODES = ("api", "worker", "chain")


@pytest.fixture
def tgi() -> Iterator[MockTGI]:
    """A TGI server that containers reach too."""
    with MockTGI(host="0.0.0.0") as server:
        yield server


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Stack]:
    """A chain that containers reach too, with the contracts of the sample on it."""
    ports = Ports(chain=free_port(), tgi=0, service=0, node=0)
    with Stack(ports, tmp_path, tmp_path / "deployments", chain_host="0.0.0.0") as stack:
        stack.start_chain()
        stack.deploy()
        yield stack


@pytest.fixture
async def compose(
    docker_host: str, tmp_path: Path, tgi: MockTGI, chain: Stack
) -> AsyncIterator[Compose]:
    """The project with its images, built as the file says on a base of this machine's Python."""
    project = f"infernet-test-{uuid4().hex[:8]}"
    node = f"{project}/infernet-node:1"
    services = {name: f"{project}/{name}:1" for name in ("service", "postgres", "nats")}
    compose = Compose(
        docker_host,
        project,
        tmp_path,
        images={**services, **dict.fromkeys(NODES, node)},
        variables={
            "INFERNET_PORT": str(free_port()),
            "INFERNET_RPC_URL": from_within(chain.rpc_url),
            "TGI_URL": from_within(tgi.url),
        },
    )
    await compose.require()
    base = f"{project}/base:1"
    locks = [ROOT / f"requirements/{each}.lock" for each in ("node", "service")]
    await asyncio.to_thread(python_image.write_base, tmp_path / "base", locks, tmp_path / "tree")
    await python_image.import_base(docker_host, base, tmp_path / "base")
    await build_postgres(docker_host, base, services["postgres"])
    await build_nats(docker_host, base, services["nats"])
    arguments = [f"--build-arg={k}={v}" for k, v in python_image.offline(base).items()]
    await compose("build", *arguments)
    try:
        yield compose
    finally:
        await compose("down", "--volumes", "--timeout", "1")
        await python_image.delete(docker_host, node, *services.values(), base)


def from_within(url: str) -> str:
    """The same server, as containers reach it."""
    return f"http://host.docker.internal:{url.rpartition(':')[2]}"


@asynccontextmanager
async def rest(compose: Compose) -> AsyncIterator[aiohttp.ClientSession]:
    url = f"http://127.0.0.1:{compose.variables['INFERNET_PORT']}"
    async with aiohttp.ClientSession(url) as session:
        yield session


async def test_it_comes_up_works_and_stops(compose: Compose, chain: Stack) -> None:
    await compose("up", "--detach", "--wait", "--no-build")

    async with rest(compose) as http:
        body = {"containers": [CONTAINER], "data": {"text": QUESTION}}
        async with http.post("/api/jobs", json=body) as response:
            assert response.status == 200, await response.text()
            job_id = (await response.json())["id"]
        async with http.get(f"/api/jobs/{job_id}/events") as following:
            assert '"status":"success"' in (await following.text()).replace(" ", "")

    requester = Sender(connect(chain.rpc_url), anvil_account(REQUESTER))
    chat = Chat(requester, chain.contracts["ChatConsumer"].address)
    subscription_id, coordinator, request = await asyncio.to_thread(chat.request, QUESTION)
    await asyncio.to_thread(
        eventually,
        lambda: chat.delivery(subscription_id, coordinator, request["blockNumber"]),
        "the question is answered",
        120,
    )

    # An operator beside any process: the api has no key, one of the chain's stands by.
    interval = (str(subscription_id), "1")
    assert "interval 1: answered" in await compose(*beside("api", 1), "why", *interval)
    for process in (("api", 1), ("chain", 1), ("chain", 2)):
        said = await compose.attempt(*beside(*process), "retry", *interval)
        assert said.code == 1
        assert "only what is failed or ignored is tried again" in said.err

    await compose("stop", "--timeout", "30")
    lines = (await compose("ps", "--all", "--format", "json", *NODES, "service")).splitlines()
    ended = [json.loads(line) for line in lines]
    assert len(ended) == 6
    assert {each["Name"]: each["ExitCode"] for each in ended if each["ExitCode"]} == {}


def beside(service: str, index: int) -> tuple[str, ...]:
    """The start of a command in the container of a process."""
    return ("exec", "-T", "--index", str(index), service, "infernet-node")
