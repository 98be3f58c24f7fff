"""``POST /api/jobs/batch``: every item has its own outcome."""

from pathlib import Path
from typing import Any

from structlog.testing import capture_logs

from test.node.test_rest_delegated import delegated
from test.support.container import ScriptedContainer
from test.support.node import FakeChain, NodeUnderTest, running_node


async def test_w_42_items_succeed_and_fail_independently(node: NodeUnderTest) -> None:
    status, outcomes = await node.post(
        "/api/jobs/batch",
        [
            {"containers": ["one"], "data": {"n": 1}},
            {"containers": ["nope"], "data": {}},
            "rubbish",
            {"containers": ["one"]},
            {"containers": ["one"], "data": {"n": 2}},
        ],
    )

    assert status == 200
    assert outcomes[1] == {"error": "Container not supported", "params": {"container": "nope"}}
    assert outcomes[2] == {
        "error": "Could not parse message",
        "params": {"reason": "body: must be an object with containers and data"},
    }
    assert outcomes[3]["error"] == "Could not parse message"
    outputs = [(await node.result(outcomes[i]["id"]))["result"]["output"] for i in (0, 4)]
    assert outputs == [{"output": {"n": 1}}, {"output": {"n": 2}}]


async def test_jobs_and_delegated_subscriptions_mix(
    tmp_path: Path, container: ScriptedContainer
) -> None:
    chain = FakeChain()
    config = {"containers": [{"id": "one", "url": container.url}]}
    async with running_node(config, tmp_path, chain=chain) as node:
        status, outcomes = await node.post(
            "/api/jobs/batch",
            [delegated("one"), {"containers": ["one"], "data": {}}, delegated("other")],
        )
        await node.result(outcomes[1]["id"])

    assert status == 200
    assert outcomes[0] == {}
    assert outcomes[2]["error"] == "Container not supported"
    assert len(chain.accepted) == 1


async def test_a_failure_of_the_node_is_that_of_its_item_and_logged(
    tmp_path: Path, container: ScriptedContainer
) -> None:
    class Defective(FakeChain):
        async def accept_delegated(self, *_request: Any) -> None:
            raise RuntimeError("a defect")

    config = {"containers": [{"id": "one", "url": container.url}]}
    async with running_node(config, tmp_path, chain=Defective()) as node:
        with capture_logs() as log:
            status, outcomes = await node.post(
                "/api/jobs/batch", [delegated("one"), {"containers": ["one"], "data": {}}]
            )
        job = await node.result(outcomes[1]["id"])

    assert status == 200
    assert outcomes[0] == {"error": "Internal server error: see the log of the node"}
    assert job["status"] == "success"
    (line,) = [line for line in log if line["log_level"] == "error"]
    assert (line["event"], line["route"]) == ("request_crashed", "POST /api/jobs/batch")


async def test_an_empty_list(node: NodeUnderTest) -> None:
    assert await node.post("/api/jobs/batch", []) == (200, [])


async def test_items_beyond_the_room_are_refused_one_by_one(
    tmp_path: Path, container: ScriptedContainer
) -> None:
    config = {
        "containers": [{"id": "one", "url": container.url}],
        "jobs": {"max_running": 1, "max_pending": 2},
    }
    async with running_node(config, tmp_path) as node:
        item = {"containers": ["one"], "data": {}}
        _, outcomes = await node.post("/api/jobs/batch", [item] * 3)
        for outcome in outcomes[:2]:
            await node.result(outcome["id"])

    assert outcomes[2] == {"error": "Too many jobs are pending; try again later"}
