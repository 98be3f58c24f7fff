"""A scripted container and a node in front of it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from infernet_node.containers import keeping
from test.node.fleet_roles import Processes
from test.node.managed import IMAGE
from test.support.container import ScriptedContainer
from test.support.docker_engine import FakeDockerEngine
from test.support.node import NodeUnderTest, running_node
from test.support.postgres import schema_url

CONTAINERS: list[dict[str, Any]] = [
    {"id": "one", "url": "http://127.0.0.1:9", "bearer": "s3cret", "description": "first"},
    {"id": "two", "url": "http://127.0.0.1:9", "image": "acme/two:1"},
    {"id": "inner", "url": "http://127.0.0.1:9", "external": False},
    {"id": "proving", "url": "http://127.0.0.1:9", "generates_proofs": True},
    {"id": "fenced", "url": "http://127.0.0.1:9", "allowed_ips": ["10.0.0.0/8"]},
]
"""The ``node`` fixture's containers; nothing listens on port 9, the fixture fills in better."""


@pytest.fixture
async def container() -> AsyncIterator[ScriptedContainer]:
    async with ScriptedContainer().serve() as scripted:
        yield scripted


@pytest.fixture
async def second() -> AsyncIterator[ScriptedContainer]:
    """Another container, for pipelines of two."""
    async with ScriptedContainer().serve() as scripted:
        yield scripted


@pytest.fixture
async def node(
    tmp_path: Path, container: ScriptedContainer, second: ScriptedContainer
) -> AsyncIterator[NodeUnderTest]:
    """A node without chain: ``one`` and ``two`` run, ``inner`` is for inside only."""
    at = {"one": container.url, "proving": container.url, "fenced": container.url}
    containers = [{**c, "url": at.get(c["id"], second.url)} for c in CONTAINERS]
    async with running_node({"containers": containers}, tmp_path) as running:
        yield running


@pytest.fixture
async def engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[FakeDockerEngine]:
    """Docker on paper, which the node finds; containers that end are back at once."""
    fake = FakeDockerEngine(tmp_path / "docker.sock", registry={IMAGE})
    monkeypatch.setenv("DOCKER_HOST", fake.url)
    monkeypatch.setattr(keeping, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr(keeping, "_ASK_EVERY", 0.01)
    async with fake.serve():
        yield fake


@pytest.fixture
async def fleet(
    tmp_path: Path, container: ScriptedContainer, second: ScriptedContainer
) -> AsyncIterator[Processes]:
    """Processes that share a store of their own, with containers ``a`` and ``b``."""
    async with schema_url() as url:
        processes = Processes(tmp_path, url, container, second)
        async with processes.stack:
            yield processes
