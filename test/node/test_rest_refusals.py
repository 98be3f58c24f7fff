"""Requests that are refused: the same node for all of them, as none of them changes it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from test.node.conftest import CONTAINERS
from test.node.test_rest_delegated import delegated
from test.support.node import NodeUnderTest, running_node

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module", name="node")
async def refusing_node(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[NodeUnderTest]:
    """A node whose containers are never asked."""
    async with running_node({"containers": CONTAINERS}, tmp_path_factory.mktemp("node")) as node:
        yield node


@pytest.mark.parametrize(
    ("containers", "proof", "error", "params"),
    [
        ([], False, "No containers specified", {}),
        (["one", "nope"], False, "Container not supported", {"container": "nope"}),
        (["inner"], False, "First container must be external", {"first_container": "inner"}),
        (["one"], True, "Container does not generate proof", {"container": "one"}),
        (
            ["fenced"],
            None,
            "Container not allowed for address",
            {"container": "fenced", "address": "127.0.0.1"},
        ),
    ],
)
@pytest.mark.parametrize("path", ["/api/jobs", "/api/jobs/stream"])
async def test_guardian(
    node: NodeUnderTest,
    path: str,
    containers: list[str],
    proof: bool | None,
    error: str,
    params: dict[str, Any],
) -> None:
    body: dict[str, Any] = {"containers": containers, "data": {}, "requires_proof": proof}
    assert await node.post(path, body) == (405, {"error": error, "params": params})


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", "body: not JSON: EOF while parsing a value at line 1 column 0"),
        (b"{", "body: not JSON: EOF while parsing an object at line 1 column 1"),
        (b'{"containers": ["one"], "data": {"n": 1e999}}', "body: a number is too large"),
        (b"[]", "body: must be an object with containers and data"),
        (b"{}", "containers: must be a list of container ids"),
        (b'{"containers": "one", "data": {}}', "containers: must be a list of container ids"),
        (b'{"containers": [1], "data": {}}', "containers: must be a list of container ids"),
        (b'{"containers": ["one"]}', "data: must be an object"),
        (b'{"containers": ["one"], "data": "x"}', "data: must be an object"),
        (
            b'{"containers": ["one"], "data": {}, "requires_proof": "yes"}',
            "requires_proof: must be true or false",
        ),
    ],
)
@pytest.mark.parametrize("path", ["/api/jobs", "/api/jobs/stream"])
async def test_w_41_malformed(node: NodeUnderTest, path: str, body: bytes, error: str) -> None:
    async with node.session.post(node.url + path, data=body) as response:
        answer = await response.json()
        assert response.status == 400
    assert answer["error"].startswith(error)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/jobs"),
        ("POST", "/api/jobs/batch"),
        ("POST", "/api/jobs/stream"),
        ("PUT", "/api/status"),
    ],
)
@pytest.mark.parametrize("encoding", ["gzip", "br"])
async def test_w_41_compressed(node: NodeUnderTest, method: str, path: str, encoding: str) -> None:
    headers = {"Content-Encoding": encoding}
    async with node.session.request(
        method, node.url + path, data=b"\x1f\x8b\x08\x00", headers=headers
    ) as response:
        assert response.status == 415
        error = f"Content-Encoding: {encoding} is not read here; send plain JSON"
        assert await response.json() == {"error": error}


async def test_w_28_too_long_a_pipeline(node: NodeUnderTest) -> None:
    body = {"containers": ["one"] * 17, "data": {}}
    assert await node.post("/api/jobs", body) == (
        400,
        {"error": "containers: must not name more than 16 containers"},
    )


async def test_w_43_delegated_without_a_chain(node: NodeUnderTest) -> None:
    body = delegated("one")
    assert await node.post("/api/jobs", body) == (
        405,
        {"error": "Chain not enabled", "params": {"delegated_subscription": body}},
    )


async def test_delegated_is_not_for_streams(node: NodeUnderTest) -> None:
    assert await node.post("/api/jobs/stream", delegated("one")) == (
        405,
        {"error": "Streaming only supported for OffchainJob requests."},
    )


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"signature": {"v": 26}}, "signature.v: must be greater than or equal to 27, not 26"),
        ({"signature": {"r": 2**256}}, "signature.r: must be less than or equal to"),
        ({"signature": {"nonce": None}}, "signature.nonce: must not be null"),
        ({"signature": {"nonce": 2**32}}, "signature.nonce: must be less than or equal to"),
        ({"subscription": {"owner": "0x00Bd138aBD7..."}}, "subscription.owner: must be an address"),
        ({"subscription": {"containers": "0x12"}}, "subscription.containers: must be the 32 bytes"),
        ({"subscription": {"payment_amount": -1}}, "subscription.payment_amount: must be greater"),
        ({"data": "x"}, "data: must be an object {...}"),
    ],
)
async def test_malformed_delegated(
    node: NodeUnderTest, changes: dict[str, Any], error: str
) -> None:
    status, body = await node.post("/api/jobs", delegated("one", **changes))
    assert status == 400
    assert body["error"].startswith(error)


async def test_every_missing_field_is_named(node: NodeUnderTest) -> None:
    status, body = await node.post("/api/jobs", {"signature": {}, "data": {}})
    assert status == 400
    for field in ("nonce", "expiry", "v", "r", "s"):
        assert f"signature.{field}: is missing; add it" in body["error"]
    assert "subscription: is missing; add it" in body["error"]


async def test_batch_is_no_list(node: NodeUnderTest) -> None:
    bodies: list[Any] = [{}, "x", True, 5]
    for body in bodies:
        assert await node.post("/api/jobs/batch", body) == (400, {"error": "Expected a list"})


async def test_batch_of_too_many_items(node: NodeUnderTest) -> None:
    status, body = await node.post("/api/jobs/batch", [{}] * 1001)
    assert (status, body) == (400, {"error": "Expected at most 1000 items"})
