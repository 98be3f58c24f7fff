"""Several processes with one key: each question is answered once, whoever has the turn."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from infernet_node.config import Role
from test.node.chain.delegating import signed
from test.node.chain.processes import echo_on_chain, held
from test.node.chain.world import CONTAINER, NODE, NODE_KEY, Chain
from test.support.container import ScriptedContainer, answering
from test.support.node import NodeUnderTest, running_node
from test.support.postgres import schema_url
from test.support.waiting import eventually, until

pytestmark = pytest.mark.timeout(180)


@asynccontextmanager
async def blocks(chain: Chain) -> AsyncIterator[None]:
    """A block every moment while the block runs."""

    async def mine() -> None:
        while True:
            chain.anvil.mine()
            await asyncio.sleep(0.05)

    mining = asyncio.create_task(mine())
    try:
        yield
    finally:
        mining.cancel()
        with suppress(asyncio.CancelledError):
            await mining


class Fleet:
    def __init__(
        self, folder: Path, store: str, chain: Chain, container: ScriptedContainer
    ) -> None:
        self.stack = AsyncExitStack()
        self._folder = folder
        self._number = 0
        self._config: dict[str, Any] = {
            "store": {"url": store},
            "containers": [{"id": CONTAINER, "url": container.url}],
            "fleet": {"channel": f"test-{uuid4().hex[:12]}", "sweep_period": 0.1},
            "chain": {
                "enabled": True,
                "rpc_url": chain.anvil.url,
                "trail_head_blocks": 0,
                "registry_address": chain.contracts["Registry"],
                "wallet": {"private_key": NODE_KEY},
                "snapshot_sync": {"sync_period": 0.02},
            },
        }

    async def start(
        self, role: Role, stack: AsyncExitStack | None = None, **fleet: Any
    ) -> NodeUnderTest:
        self._number += 1
        folder = self._folder / str(self._number)
        folder.mkdir()
        config = {**self._config, "fleet": {**self._config["fleet"], **fleet}}
        running = running_node(config, folder, role=role)
        return await (stack or self.stack).enter_async_context(running)


@pytest.fixture
async def fleet(tmp_path: Path, chain: Chain, container: ScriptedContainer) -> AsyncIterator[Fleet]:
    container.answer = echo_on_chain
    async with schema_url() as url:
        fleet = Fleet(tmp_path, url, chain, container)
        async with fleet.stack, blocks(chain):
            yield fleet


async def ready(node: NodeUnderTest) -> dict[str, Any]:
    """What ``/health/ready`` says, once that is 200."""
    answers: list[Any] = []

    async def look() -> bool:
        answers[:] = await node.get("/health/ready")
        return bool(answers[0] == 200)

    await eventually(look)
    return dict(answers[1])


async def until_active(node: NodeUnderTest) -> None:
    async def active() -> bool:
        return "chain" not in (await ready(node)).get("remarks", {})

    await eventually(active)


async def test_two_whole_nodes_answer_each_question_once(chain: Chain, fleet: Fleet) -> None:
    leaving = AsyncExitStack()
    async with leaving:
        first = await fleet.start(Role.RUN, leaving)
        await until_active(first)
        second = await fleet.start(Role.RUN)
        remarks = (await ready(second))["remarks"]
        assert remarks["chain"] == "standing by: another process sends with this key"
        ids = [chain.ask(f"question {number}") for number in range(5)]
        await until(lambda: all(chain.answer(id) for id in ids))
        assert chain.deliveries() == 5

    # The first one has stopped; nothing is owed, nothing is done again.
    later = chain.ask("and now?")
    await until(lambda: bool(chain.answer(later)))
    await until_active(second)
    assert chain.deliveries() == 6
    assert chain.reverted() == 0


async def test_a_request_to_a_standby_is_answered_by_the_other(chain: Chain, fleet: Fleet) -> None:
    working = await fleet.start(Role.RUN)
    await until_active(working)
    standby = await fleet.start(Role.RUN)
    first, second = (signed(chain, nonce).body("signed") for nonce in (0, 1))
    await post(standby, first)
    await until(lambda: chain.deliveries() == 1)
    await post(working, second)
    await until(lambda: chain.deliveries() == 2)
    # Once more, anywhere: it is known.
    await post(working, first)
    await post(standby, second)
    later = chain.ask("and now?")
    await until(lambda: bool(chain.answer(later)))
    assert chain.deliveries() == 3


def ordered(command: str, subscription: int) -> str:
    return f"/api/chain/subscriptions/{subscription}/intervals/1/{command}"


async def until_in(node: NodeUnderTest, state: str, subscription: int) -> None:
    async def reached() -> bool:
        status, found = await node.get(f"/api/chain/subscriptions/{subscription}")
        return status == 200 and [row["state"] for row in found[0]["intervals"]] == [state]

    await eventually(reached)


@pytest.mark.parametrize("role", [Role.API, Role.RUN, Role.CHAIN])
async def test_w_56_commands_may_be_given_to_any_process(
    chain: Chain, fleet: Fleet, container: ScriptedContainer, role: Role
) -> None:
    container.answer = answering({"code": "text", "description": "too long"}, status=400)
    working = await fleet.start(Role.CHAIN)
    await until_active(working)
    other = await fleet.start(role)
    subscription_id = chain.ask("too long?")
    await until_in(other, "failed", subscription_id)

    # What the one that works on the chain refuses, with its reasons.
    status, body = await other.post(ordered("drop", subscription_id), None)
    assert (status, body["error"]) == (409, "it is over already: failed")
    status, body = await other.post(ordered("retry", 4_000_000), None)
    assert status == 404
    assert body["error"].startswith("interval 1 of subscription 4000000 is not known")

    container.answer = held(gate := asyncio.Event())
    status, body = await other.post(ordered("retry", subscription_id), None)
    assert (status, body) == (200, {"interval": 1, "state": "due", "reason": None})
    status, body = await other.post(ordered("drop", subscription_id), None)
    dropped = {"interval": 1, "state": "ignored", "reason": "dropped by the operator"}
    assert (status, body) == (200, dropped)
    container.answer = echo_on_chain
    assert (await other.post(ordered("retry", subscription_id), None))[0] == 200
    gate.set()

    await until(lambda: chain.answer(subscription_id) == "echo: too long?")
    assert chain.deliveries() == 1


async def test_a_retry_that_two_processes_hear_is_done_once(
    chain: Chain, fleet: Fleet, container: ScriptedContainer
) -> None:
    container.answer = answering({"code": "text", "description": "too long"}, status=400)
    working, api = await fleet.start(Role.CHAIN), await fleet.start(Role.API)
    await until_active(working)
    subscription_id = chain.ask("twice?")
    await until_in(api, "failed", subscription_id)
    container.answer = held(gate := asyncio.Event())

    path = ordered("retry", subscription_id)
    answers = await asyncio.gather(*(node.post(path, None) for node in (api, working, api)))
    gate.set()

    assert sorted(status for status, _ in answers) == [200, 409, 409]
    await until(lambda: chain.deliveries(subscription_id) == 1)


async def test_an_api_without_a_key_takes_requests_for_the_chain(
    chain: Chain, fleet: Fleet, container: ScriptedContainer
) -> None:
    api = await fleet.start(Role.API)
    assert (await ready(api))["remarks"]["chain"] == "no process works on the chain now"
    # Nobody works on the chain yet: it is kept.
    await post(api, signed(chain, 0).body("early"))
    await fleet.start(Role.CHAIN)
    await until(lambda: chain.deliveries() == 1)
    request = signed(chain, 1)
    await post(api, request.body("late"))
    await until(lambda: chain.deliveries() == 2)
    _, info = await api.get("/info")
    assert info["chain"] == {"enabled": True, "address": NODE}
    assert (await api.get("/api/chain/subscriptions/1"))[1][0]["intervals"][0]["interval"] == 1
    # It answers for what it cannot accept.
    assert (await post(api, request.body("another"), expect=405))["error"] == "Nonce already used"


async def post(node: NodeUnderTest, request: dict[str, Any], expect: int = 200) -> Any:
    status, body = await node.post("/api/jobs", request)
    assert status == expect, body
    return body
