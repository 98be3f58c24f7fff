"""The description of the REST interface, held against the interface itself."""

import asyncio
from collections.abc import AsyncIterator
from html.parser import HTMLParser
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
from yarl import URL

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
    served = create_app(described.services, UNLIMITED).served
    assert sorted(served) == sorted(OPERATIONS)


async def test_it_is_served(node: NodeUnderTest) -> None:
    assert await node.get("/openapi.json") == (200, document())


class Page(HTMLParser):
    """What the page for people says and points to."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: set[str] = set()
        self.anchors: set[str] = set()
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        named = dict(attributes)
        self.tags.add(tag)
        self.links |= {value for name in ("href", "src") if (value := named.get(name))}
        self.anchors |= {value for value in [named.get("id")] if value}

    def handle_data(self, data: str) -> None:
        self.text += data


async def test_the_page_for_people_has_all_of_it_and_nothing_from_elsewhere(
    node: NodeUnderTest,
) -> None:
    async with node.session.get(f"{node.url}/docs") as response:
        assert (response.status, response.content_type) == (200, "text/html")
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        page = Page(await response.text())

    assert {f"{method.lower()}-{path}" for method, path in OPERATIONS} <= page.anchors
    assert {f"schema-{name}" for name in document()["components"]["schemas"]} <= page.anchors
    assert page.links - {"openapi.json"} <= {f"#{anchor}" for anchor in page.anchors}
    assert page.tags.isdisjoint({"script", "link", "img", "iframe"})
    summaries = [each["summary"] for item in document()["paths"].values() for each in item.values()]
    assert [summary for summary in summaries if summary not in page.text] == []
    assert "url(" not in page.text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("HEAD", "/health", 200),
        ("HEAD", "/api/status", 405),
        ("GET", "/health/", 404),
        ("GET", "/api/jobs/a/b/events", 404),
        ("GET", "/api/jobs//events", 404),
        ("POST", "/api/jobs/a/events", 405),
        ("OPTIONS", "/api/jobs", 405),
    ],
)
async def test_requests_off_the_table(
    node: NodeUnderTest, method: str, path: str, status: int
) -> None:
    async with node.session.request(method, URL(node.url + path, encoded=True)) as response:
        assert response.status == status
        if status == 405:
            assert response.headers["Allow"]
        if status >= 400 and method != "HEAD":
            assert (await response.json()).keys() == {"error"}


def test_every_route_is_in_the_guide() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "node.md").read_text()
    assert [path for _, path in OPERATIONS if path not in guide] == []
