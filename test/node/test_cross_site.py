"""What a page of another site can have an operator's browser do: nothing that changes the node."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from test.support.container import ScriptedContainer
from test.support.node import FakeChain, NodeUnderTest, running_node

INTERVAL = "/api/chain/subscriptions/7/intervals/1"
COMMANDS = [("POST", f"{INTERVAL}/retry"), ("POST", f"{INTERVAL}/drop")]
REPORT = ("PUT", "/api/status")
REPORTED = {"id": "mine", "status": "running", "containers": ["a"]}
FOREIGN = [
    ("Sec-Fetch-Site", {"Sec-Fetch-Site": "cross-site"}),
    # Another port of this machine, or another name in the same domain.
    ("Sec-Fetch-Site", {"Sec-Fetch-Site": "same-site"}),
    # Nothing that a browser says today; it is nobody's own page.
    ("Sec-Fetch-Site", {"Sec-Fetch-Site": "whatever"}),
    ("Sec-Fetch-Site", {"Sec-Fetch-Site": "cross-site", "Origin": "http://{host}"}),
    ("Origin", {"Origin": "https://evil.example"}),
    ("Origin", {"Origin": "http://127.0.0.1:1"}),
    ("Origin", {"Origin": "http://{host}.evil.example"}),
    ("Origin", {"Origin": "http://[{host}"}),
    # A sandboxed frame, or a file.
    ("Origin", {"Origin": "null"}),
]
OWN: list[dict[str, str]] = [
    {},
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "same-origin", "Origin": "https://name.before.the.proxy"},
    {"Origin": "http://{host}"},
    # A proxy has taken the TLS off.
    {"Origin": "https://{host}"},
]


@pytest.fixture
async def node(tmp_path: Path, container: ScriptedContainer) -> AsyncIterator[NodeUnderTest]:
    config = {"containers": [{"id": "a", "url": container.url}]}
    async with running_node(config, tmp_path, chain=FakeChain()) as node:
        yield node


async def send(
    node: NodeUnderTest, method: str, path: str, headers: dict[str, str]
) -> tuple[int, Any]:
    named = {
        name: value.replace("{host}", f"127.0.0.1:{node.port}") for name, value in headers.items()
    }
    async with node.session.request(
        method, node.url + path, json=REPORTED, headers=named
    ) as response:
        return response.status, await response.json()


@pytest.mark.parametrize(("method", "path"), [*COMMANDS, REPORT])
@pytest.mark.parametrize(("header", "headers"), FOREIGN)
async def test_other_sites_are_refused(
    node: NodeUnderTest, method: str, path: str, header: str, headers: dict[str, str]
) -> None:
    status, body = await send(node, method, path, headers)

    assert status == 403
    assert body["error"].startswith(
        f"Cross-site request: by its {header} it comes from a page of another site"
    )
    # Nothing is recorded.
    assert await node.get("/api/jobs") == (200, [])


@pytest.mark.parametrize("headers", OWN)
async def test_command_lines_and_the_nodes_own_pages_pass(
    node: NodeUnderTest, headers: dict[str, str]
) -> None:
    for method, path in COMMANDS:
        status, body = await send(node, method, path, headers)
        # From the chain half itself.
        assert (status, body["error"]) == (404, "subscription 7 is not known to this node")
    assert await send(node, *REPORT, headers) == (200, None)
    assert await node.get("/api/jobs") == (200, ["mine"])


@pytest.mark.parametrize(("header", "headers"), FOREIGN)
async def test_jobs_may_be_asked_for_from_anywhere(
    node: NodeUnderTest, header: str, headers: dict[str, str]
) -> None:
    del header
    named = {name: value.replace("{host}", "node") for name, value in headers.items()}
    status, body = await node.post("/api/jobs", {"containers": ["a"], "data": {}}, **named)

    assert status == 200, body
    assert (await node.result(body["id"]))["status"] == "success"


async def test_reading_is_not_refused(node: NodeUnderTest) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    for path in ("/api/chain/income", "/metrics", "/health"):
        async with node.session.get(node.url + path, headers=headers) as response:
            assert response.status == 200
            # Without which the page does not get to see the answer.
            assert "Access-Control-Allow-Origin" not in response.headers
