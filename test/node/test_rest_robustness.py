"""Whatever is sent, the answer is JSON and never a crash."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from test.node.conftest import CONTAINERS
from test.node.test_rest_delegated import delegated
from test.support.node import NodeUnderTest, running_node

pytestmark = pytest.mark.asyncio(loop_scope="module")

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["containers", "data", "signature", "id"]), inner)
    ),
    max_leaves=8,
)
MANGLED_JOBS = st.fixed_dictionaries(
    {},
    optional={
        "containers": st.lists(st.sampled_from(["one", "nope", "", "inner"])) | JSON_VALUES,
        "data": st.dictionaries(st.text(max_size=4), JSON_VALUES, max_size=2) | JSON_VALUES,
        "requires_proof": JSON_VALUES,
        "signature": JSON_VALUES,
        "subscription": JSON_VALUES,
    },
)
EXAMPLES = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest_asyncio.fixture(loop_scope="module", scope="module", name="node")
async def exposed_node(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[NodeUnderTest]:
    config = {"containers": CONTAINERS, "server": {"max_body_bytes": 100_000}}
    async with running_node(config, tmp_path_factory.mktemp("node")) as node:
        yield node


async def send(node: NodeUnderTest, method: str, path: str, body: bytes) -> tuple[int, Any]:
    async with node.session.request(method, node.url + path, data=body) as response:
        if response.content_type == "application/octet-stream":
            return response.status, await response.content.readany()
        return response.status, await response.json()


@EXAMPLES
@given(body=MANGLED_JOBS | JSON_VALUES)
async def test_no_value_crashes_a_route(node: NodeUnderTest, body: Any) -> None:
    text = json.dumps(body).encode()
    for path, allowed in (
        ("/api/jobs", {200, 400, 405}),
        ("/api/jobs/stream", {200, 400, 405}),
        ("/api/jobs/batch", {200, 400}),
    ):
        status, answer = await send(node, "POST", path, text)
        assert status in allowed, answer
    assert (await send(node, "PUT", "/api/status", text))[0] in {200, 400, 409}


@EXAMPLES
@given(body=st.binary(max_size=50))
async def test_no_bytes_crash_a_route(node: NodeUnderTest, body: bytes) -> None:
    for method, path in (
        ("POST", "/api/jobs"),
        ("POST", "/api/jobs/batch"),
        ("POST", "/api/jobs/stream"),
        ("PUT", "/api/status"),
    ):
        status, answer = await send(node, method, path, body)
        assert status == 400
        assert answer["error"]


@EXAMPLES
@given(field=st.sampled_from(["signature", "subscription"]), data=st.data())
async def test_no_delegated_subscription_crashes_a_route(
    node: NodeUnderTest, field: str, data: st.DataObject
) -> None:
    body = delegated("one")
    key = data.draw(st.sampled_from(sorted(body[field])))
    body[field][key] = data.draw(JSON_VALUES)
    status, answer = await send(node, "POST", "/api/jobs", json.dumps(body).encode())
    # The chain is off.
    assert status in {400, 405}, answer


@EXAMPLES
@given(ids=st.lists(st.text(max_size=10), max_size=3), pending=st.text(max_size=5))
async def test_no_query_crashes_a_route(node: NodeUnderTest, ids: list[str], pending: str) -> None:
    status, answer = await node.get("/api/jobs", id=ids, pending=pending)
    assert status == 200
    assert isinstance(answer, list)


async def test_deep_data_is_taken_as_far_as_it_can_be_handed_on(node: NodeUnderTest) -> None:
    def nested(depth: int) -> bytes:
        return b'{"containers": ["one"], "data": {"a": ' + b"[" * depth + b"]" * depth + b"}}"

    status, answer = await send(node, "POST", "/api/jobs", nested(190))
    assert status == 200
    assert (await node.result(answer["id"]))["status"] == "failed"  # nothing listens there
    assert (await send(node, "POST", "/api/jobs", nested(5000)))[0] == 400


@pytest.mark.parametrize("path", ["/api/jobs", "/api/jobs/batch", "/api/jobs/stream"])
async def test_a_long_body(node: NodeUnderTest, path: str) -> None:
    body = b'"' + b"x" * 100_000 + b'"'
    expected = {"error": "body: must not be longer than 100000 bytes"}

    assert await send(node, "POST", path, body) == (413, expected)


async def test_a_long_body_of_unknown_length(node: NodeUnderTest) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(101):
            yield b"x" * 1000

    async with node.session.post(f"{node.url}/api/jobs", data=pieces()) as response:
        assert response.status == 413


async def test_an_unknown_route(node: NodeUnderTest) -> None:
    assert await node.get("/nope") == (404, {"error": "Not Found"})


async def test_a_wrong_method(node: NodeUnderTest) -> None:
    assert await node.put("/api/jobs", {}) == (405, {"error": "Method Not Allowed"})
