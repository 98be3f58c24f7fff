"""The description of the REST interface, held against the interface itself."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.routing import Route

from infernet_node.api.app import create_app
from infernet_node.api.openapi import document
from test.node.conftest import CONTAINERS
from test.support.container import ScriptedContainer
from test.support.node import UNLIMITED, FakeChain, NodeUnderTest, running_node

OPERATIONS = [
    (method.upper(), path) for path, item in document()["paths"].items() for method in item
]
EXAMPLES = 15


@pytest.fixture
async def described(tmp_path: Path, container: ScriptedContainer) -> AsyncIterator[NodeUnderTest]:
    """A node with a chain, so that every answer of the description can occur."""
    config = {
        "containers": [{**c, "url": container.url} for c in CONTAINERS],
        "jobs": {"drain_timeout": 0},
    }
    async with running_node(config, tmp_path, chain=FakeChain()) as node:
        yield node


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
async def test_answers_are_as_described(
    described: NodeUnderTest, method: str, path: str, mode: GenerationMode
) -> None:
    await asyncio.to_thread(drive, described.url, method, path, mode)


def drive(url: str, method: str, path: str, mode: GenerationMode) -> None:
    """Sends what the description admits, or what it does not, and judges the answers."""
    schema = schemathesis.openapi.from_dict(document())
    operation = schema[path][method]
    if mode is GenerationMode.NEGATIVE and not (operation.body or operation.query):
        mode = GenerationMode.POSITIVE  # nothing can be wrong
    cases = operation.as_strategy(generation_mode=mode)

    @given(case=cases)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def every(case: Any) -> None:
        case.call_and_validate(
            base_url=url,
            timeout=30,
            checks=[
                not_a_server_error,
                status_code_conformance,
                content_type_conformance,
                response_schema_conformance,
            ],
        )

    every()


async def test_every_route_is_described(described: NodeUnderTest) -> None:
    served = {
        (method, route.path)
        for route in create_app(described.services, UNLIMITED).routes
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    }
    assert served == set(OPERATIONS)


async def test_it_is_served(node: NodeUnderTest) -> None:
    assert await node.get("/openapi.json") == (200, document())


def test_every_route_is_in_the_guide() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "node.md").read_text()
    assert [path for _, path in OPERATIONS if path not in guide] == []
