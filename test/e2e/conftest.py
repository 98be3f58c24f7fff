"""A whole stack in real processes, with a TGI server that tests can turn against it."""

import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import aiodocker
import pytest
import requests
from web3.contract import Contract

from infernet_protocol.abis import abi
from scripts.accounts import REQUESTER, anvil_account
from scripts.chain import Sender, connect
from scripts.chat import Chat
from scripts.deployment import CONTAINER, create
from scripts.processes import free_port
from scripts.stack import Ports, Stack
from test.support.mock_tgi import MockTGI
from test.support.real_docker import docker_url

T = TypeVar("T")

# Tries in all as by default, with waits that a test can sit out.
QUICK_RETRIES = {
    "TGI_REQUEST_TRIES": "4",
    "TGI_REQUEST_DELAY": "0.5",
    "TGI_REQUEST_BACKOFF": "1",
    "TGI_REQUEST_JITTER": "0",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def tgi_server() -> Iterator[MockTGI]:
    with MockTGI() as server:
        yield server


@pytest.fixture(scope="session")
def docker_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What ``DOCKER_HOST`` must be to reach a Docker Engine."""
    with docker_url(tmp_path_factory.mktemp("engine")) as url:
        yield url


@pytest.fixture
async def docker(docker_host: str) -> AsyncIterator[aiodocker.Docker]:
    async with aiodocker.Docker(url=docker_host) as docker:
        yield docker


@pytest.fixture(scope="session")
def stack(tgi_server: MockTGI, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("stack")
    ports = Ports(chain=free_port(), tgi=0, service=free_port(), node=free_port())
    with Stack(
        ports,
        folder,
        folder / "deployments",
        tgi_url=tgi_server.url,
        service_env=QUICK_RETRIES,
    ) as running:
        running.start_chain()
        running.deploy()
        running.start_service()
        running.start_node()
        yield running


@pytest.fixture
def tgi(tgi_server: MockTGI) -> Iterator[MockTGI]:
    """The TGI server with a clean record, well-behaved again afterwards."""
    tgi_server.reset()
    yield tgi_server
    tgi_server.reset()


@pytest.fixture
def requester(stack: Stack) -> Sender:
    return Sender(connect(stack.rpc_url), anvil_account(REQUESTER))


@pytest.fixture
def chat(stack: Stack, requester: Sender) -> Chat:
    return Chat(requester, stack.contracts["ChatConsumer"].address)


@pytest.fixture
def coordinator(stack: Stack, requester: Sender) -> Contract:
    contract: Contract = requester.web3.eth.contract(
        stack.contracts["EIP712Coordinator"].address, abi=abi("EIP712Coordinator")
    )
    return contract


@pytest.fixture
def scheduled(stack: Stack, requester: Sender) -> Contract:
    """A fresh ScheduledChat."""
    created = create(requester, "ScheduledChat", stack.contracts["Registry"].address, CONTAINER)
    contract: Contract = requester.web3.eth.contract(created.address, abi=abi("ScheduledChat"))
    return contract


def eventually(probe: Callable[[], T], what: str, seconds: float = 30) -> T:
    """Returns the first true value of ``probe()``; fails naming ``what`` when time is up."""
    deadline = time.monotonic() + seconds
    while not (value := probe()):
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds} s: {what}")
        time.sleep(0.1)
    return value


def fulfilments(coordinator: Contract, subscription_id: int) -> list[Any]:
    """Returns every delivery of a subscription so far."""
    return list(
        coordinator.events.SubscriptionFulfilled().get_logs(
            argument_filters={"id": subscription_id}, from_block=0
        )
    )


def finished_job(stack: Stack, job_id: str) -> dict[str, Any]:
    """Waits until the node has a final result for a job."""

    def result() -> dict[str, Any] | None:
        (job,) = requests.get(f"{stack.node_url}/api/jobs", params={"id": job_id}, timeout=5).json()
        return job if job["status"] != "running" else None

    found = eventually(result, f"job {job_id} finished")
    assert found is not None
    return found
