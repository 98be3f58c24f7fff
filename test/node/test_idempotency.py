"""``Idempotency-Key``: a request that is sent again is not done again."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from infernet_node.store.database import Database
from infernet_node.store.jobs import JobStore
from test.support.container import ScriptedContainer
from test.support.node import NodeUnderTest

JOB: dict[str, Any] = {"containers": ["one"], "data": {"n": 1}}


async def post(node: NodeUnderTest, body: Any, key: str, path: str = "") -> Any:
    headers = {"Idempotency-Key": key}
    async with node.session.post(
        f"{node.url}/api/jobs{path}", json=body, headers=headers
    ) as response:
        return response.status, await response.json()


async def test_the_same_request_is_the_same_job(
    node: NodeUnderTest, container: ScriptedContainer
) -> None:
    first = await post(node, JOB, "k1")
    await node.result(first[1]["id"])
    assert await post(node, JOB, "k1") == first
    other = await post(node, JOB, "k2")
    await node.result(other[1]["id"])
    assert other != first
    assert len(container.questions) == 2


async def test_also_when_both_come_at_once(
    node: NodeUnderTest, container: ScriptedContainer
) -> None:
    answers = await asyncio.gather(*(post(node, JOB, "k") for _ in range(8)))
    await node.result(answers[0][1]["id"])
    assert answers == [answers[0]] * 8
    assert len(container.questions) == 1


async def test_another_request_under_the_same_key_is_refused(node: NodeUnderTest) -> None:
    await post(node, JOB, "k")
    status, body = await post(node, {**JOB, "data": {}}, "k")
    assert (status, body["error"]) == (422, "Idempotency-Key: came with another request before")


async def test_items_of_a_batch_are_told_apart(node: NodeUnderTest) -> None:
    first = await post(node, [JOB, JOB], "k", "/batch")
    assert first[1][0] != first[1][1]
    assert await post(node, [JOB, JOB], "k", "/batch") == first


@pytest.mark.parametrize("key", ["", "x" * 129, "a b"])
async def test_no_keys(node: NodeUnderTest, key: str) -> None:
    status, body = await post(node, JOB, key)
    assert status == 400
    assert body["error"].startswith("Idempotency-Key: must be 1 to 128")


async def test_streams_have_none(node: NodeUnderTest) -> None:
    assert (await post(node, JOB, "k", "/stream"))[0] == 400


async def test_keys_outlive_the_process(node: NodeUnderTest, tmp_path: Path) -> None:
    _, body = await post(node, JOB, "k")
    database = await Database.open(f"sqlite+aiosqlite:///{tmp_path}/infernet_node.sqlite")
    known = await JobStore(database).of_request("127.0.0.1", "k")
    await database.close()
    assert known is not None
    assert known[0] == body["id"]
