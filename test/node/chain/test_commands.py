"""What an operator can have done about an interval, over REST and with the command."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from infernet_node.chain.contracts import Coordinator, read
from infernet_node.chain.rpc import Rpc
from infernet_node.cli import main
from infernet_node.config import Role
from infernet_node.ports import Command, CommandRefusedError
from scripts.processes import free_port
from test.node.chain.delegating import signed
from test.node.chain.hostile import CODES, ask_as
from test.node.chain.processes import echo_on_chain, held
from test.node.chain.test_fleet_on_chain import blocks, ready
from test.node.chain.world import CONTAINER, NODE, NODE_KEY, Chain, Node
from test.support.container import ScriptedContainer, answering
from test.support.node import FakeChain, NodeUnderTest, running_node
from test.support.postgres import schema_url
from test.support.waiting import eventually, until

DROPPED = "dropped by the operator"
REFUSING = answering({"code": "text", "description": "too long"}, status=400)


@dataclass
class Desk:
    """An operator before a whole node, whose chain goes on by itself."""

    node: NodeUnderTest
    config: Path

    async def order(
        self, command: str, subscription: int | str, interval: int | str = 1
    ) -> tuple[int, Any]:
        path = f"/api/chain/subscriptions/{subscription}/intervals/{interval}/{command}"
        return await self.node.post(path, None)

    async def console(self, *arguments: Any) -> Result:
        """What ``infernet-node`` says, in a thread of its own."""
        words = [str(argument) for argument in arguments]
        command = [words[0], "--config", str(self.config), *words[1:]]
        return await asyncio.to_thread(CliRunner().invoke, main, command)

    async def interval(self, subscription: int | str) -> tuple[str, str | None]:
        """State and reason of the first one, empty before there is a row."""
        _, found = await self.node.get(f"/api/chain/subscriptions/{subscription}")
        rows = found[0]["intervals"] if isinstance(found, list) else []
        return (rows[0]["state"], rows[0]["reason"]) if rows else ("", None)

    async def tracking(self, subscription: int) -> str:
        _, found = await self.node.get(f"/api/chain/subscriptions/{subscription}")
        return str(found[0]["state"])

    async def until_in(self, state: str, subscription: int | str) -> None:
        async def reached() -> bool:
            return (await self.interval(subscription))[0] == state

        await eventually(reached)

    async def until_tracking(self, state: str, subscription: int) -> None:
        async def reached() -> bool:
            return await self.tracking(subscription) == state

        await eventually(reached)


def settings(chain: Chain, url: str) -> dict[str, Any]:
    return {
        "server": {"port": free_port()},
        "containers": [{"id": CONTAINER, "url": url}],
        "chain": {
            "enabled": True,
            "rpc_url": chain.anvil.url,
            "trail_head_blocks": 0,
            "registry_address": chain.contracts["Registry"],
            "wallet": {"private_key": NODE_KEY},
            "snapshot_sync": {"sync_period": 0.02},
        },
    }


@pytest.fixture
async def desk(tmp_path: Path, chain: Chain, container: ScriptedContainer) -> AsyncIterator[Desk]:
    container.answer = echo_on_chain
    config = settings(chain, container.url)
    config["store"] = {"url": f"sqlite+aiosqlite:///{tmp_path / 'node.sqlite'}"}
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**config, "server": {**config["server"], "host": "127.0.0.1"}}))
    async with blocks(chain), running_node(config, tmp_path) as node:
        await ready(node)
        yield Desk(node, path)


async def owner_of(chain: Chain, subscription_id: int) -> str:
    """The contract that asked."""
    rpc = Rpc([chain.anvil.url])
    try:
        call = Coordinator(chain.contracts["EIP712Coordinator"]).subscription(subscription_id)
        return (await read(rpc, call)).owner
    finally:
        await rpc.close()


async def test_w_56_what_failed_is_answered_after_a_retry(
    chain: Chain, desk: Desk, container: ScriptedContainer
) -> None:
    container.answer = REFUSING
    subscription_id = chain.ask("too long?")
    await desk.until_in("failed", subscription_id)
    await desk.until_tracking("ended(failed)", subscription_id)
    container.answer = echo_on_chain

    status, body = await desk.order("retry", subscription_id)

    assert (status, body) == (200, {"interval": 1, "state": "due", "reason": None})
    await until(lambda: chain.answer(subscription_id) == "echo: too long?")
    await desk.until_tracking("ended(answered)", subscription_id)
    assert chain.deliveries() == 1


async def test_w_56_what_is_dropped_is_not_answered(
    chain: Chain, desk: Desk, container: ScriptedContainer
) -> None:
    container.answer = held(gate := asyncio.Event())
    subscription_id = chain.ask("never mind")
    await container.asked.wait()

    status, body = await desk.order("drop", subscription_id)
    gate.set()

    assert (status, body) == (200, {"interval": 1, "state": "ignored", "reason": DROPPED})
    assert await desk.tracking(subscription_id) == "ended(ignored)"
    later = chain.ask("and this?")
    await until(lambda: chain.answer(later) == "echo: and this?")
    assert chain.deliveries() == 1
    assert await desk.interval(subscription_id) == ("ignored", DROPPED)


async def test_a_recorded_output_is_delivered_without_asking_again(
    chain: Chain, desk: Desk, container: ScriptedContainer
) -> None:
    subscription_id = ask_as(chain, CODES["reverts"])
    await desk.until_in("computed", subscription_id)
    assert (await desk.order("drop", subscription_id))[0] == 200
    chain.anvil.rpc("anvil_setCode", await owner_of(chain, subscription_id), "0x00")

    assert (await desk.order("retry", subscription_id))[0] == 200

    await until(lambda: chain.deliveries(subscription_id) == 1)
    assert len(container.questions) == 1


async def test_dropping_one_interval_leaves_the_others(
    chain: Chain, desk: Desk, container: ScriptedContainer
) -> None:
    container.answer = held(gate := asyncio.Event())
    subscription_id = chain.schedule(["first", "second"], period=60)
    await container.asked.wait()
    assert (await desk.order("drop", subscription_id))[0] == 200
    gate.set()

    await until(lambda: chain.deliveries(subscription_id) == 1)

    assert chain.scheduled_answer(subscription_id, 2) == "echo: second"
    assert await desk.interval(subscription_id) == ("ignored", DROPPED)
    status, body = await desk.order("retry", subscription_id)
    assert (status, body["error"]) == (409, "its interval is over")


async def test_a_signed_request_is_answered_after_drop_and_retry(
    chain: Chain, desk: Desk, container: ScriptedContainer
) -> None:
    container.answer = held(gate := asyncio.Event())
    request = signed(chain, 0)
    assert (await desk.node.post("/api/jobs", request.body("signed")))[0] == 200
    await container.asked.wait()
    assert (await desk.order("drop", "delegated-1"))[0] == 200
    gate.set()

    assert (await desk.order("retry", "delegated-1"))[0] == 200

    await until(lambda: chain.deliveries() == 1)
    await desk.until_in("answered", "delegated-1")
    # The subscription that it created is recognised, and not computed as one more.
    later = chain.ask("and now?")
    await until(lambda: chain.answer(later) == "echo: and now?")
    assert chain.deliveries() == 2
    assert len(container.questions) == 3


async def test_what_is_answered_is_neither_tried_again_nor_dropped(
    chain: Chain, desk: Desk
) -> None:
    subscription_id = chain.ask("done?")
    await desk.until_in("answered", subscription_id)

    retried, dropped = [await desk.order(each, subscription_id) for each in ("retry", "drop")]

    assert retried[0] == dropped[0] == 409
    assert retried[1]["error"] == "it is answered; only what is failed or ignored is tried again"
    assert dropped[1]["error"] == "it is over already: answered"


async def test_what_is_cancelled_on_the_chain_is_not_tried_again(
    chain: Chain, desk: Desk, container: ScriptedContainer
) -> None:
    container.answer = REFUSING
    subscription_id = chain.schedule(["first", "second"], period=10_000)
    chain.anvil.mine_at(chain.anvil.timestamp + 10_000)
    await desk.until_in("failed", subscription_id)
    chain.cancel(subscription_id)

    status, body = await desk.order("retry", subscription_id)

    assert (status, body["error"]) == (409, "the subscription is cancelled")
    assert (await desk.interval(subscription_id))[0] == "failed"


async def test_two_retries_at_once_begin_once(
    chain: Chain, desk: Desk, container: ScriptedContainer
) -> None:
    container.answer = REFUSING
    subscription_id = chain.ask("twice?")
    await desk.until_in("failed", subscription_id)
    container.answer = held(gate := asyncio.Event())

    answers = await asyncio.gather(*(desk.order("retry", subscription_id) for _ in range(2)))
    gate.set()

    assert sorted(status for status, _ in answers) == [200, 409]
    await until(lambda: chain.deliveries(subscription_id) == 1)
    assert len(container.questions) == 2


async def test_a_drop_at_any_moment_leaves_nothing_lying(chain: Chain, desk: Desk) -> None:
    ids = [chain.created_by(chain.put(f"question {number}")) for number in range(12)]
    dropped: set[int] = set()
    for subscription_id in ids * 3:
        status, _ = await desk.order("drop", subscription_id)
        assert status in (200, 404, 409)
        if status == 200:
            dropped.add(subscription_id)

    for subscription_id in ids:
        expected = "ignored" if subscription_id in dropped else "answered"
        await desk.until_in(expected, subscription_id)
        assert chain.deliveries(subscription_id) == (expected == "answered")
    assert chain.reverted() == 0


async def test_a_sent_transaction_is_not_dropped(chain: Chain, node: Node) -> None:
    subscription_id = chain.ask("too late?")
    await node.until(lambda: node.service.head == chain.anvil.number, mine=False)
    await node.until(lambda: chain.pending_of(NODE) == 1, mine=False)

    with pytest.raises(CommandRefusedError, match="its transaction is sent"):
        await node.service.command(Command.DROP, str(subscription_id), 1)

    await node.until(lambda: chain.deliveries() == 1)


@pytest.mark.parametrize("command", ["retry", "drop"])
@pytest.mark.parametrize(
    ("subscription", "interval", "status", "expected"),
    [
        (4_000_000, 1, 404, "interval 1 of subscription 4000000 is not known"),
        ("delegated-9", 1, 404, "interval 1 of subscription delegated-9 is not known"),
        ("seven", 1, 400, "id: must be"),
        (1, 0, 400, "interval: must be"),
        (1, "x", 400, "interval: must be"),
    ],
)
async def test_what_cannot_be_meant_is_refused(
    desk: Desk,
    command: str,
    subscription: int | str,
    interval: int | str,
    status: int,
    expected: str,
) -> None:
    got, body = await desk.order(command, subscription, interval)

    assert got == status
    assert body["error"].startswith(expected)


@pytest.mark.parametrize("command", ["retry", "drop"])
async def test_commands_are_for_operators_of_a_node_with_a_chain(
    tmp_path: Path, command: str
) -> None:
    path = f"/api/chain/subscriptions/1/intervals/1/{command}"
    strangers = {"server": {"operator_ips": ["192.0.2.7/32"]}}
    async with running_node(strangers, tmp_path, chain=FakeChain()) as node:
        assert (await node.post(path, None))[0] == 403
    async with running_node({}, tmp_path) as node:
        assert (await node.post(path, None))[0] == 404


async def test_the_commands_do_the_same(
    chain: Chain, desk: Desk, container: ScriptedContainer
) -> None:
    container.answer = held(gate := asyncio.Event())
    subscription_id = chain.ask("by hand?")
    await container.asked.wait()

    dropped = await desk.console("drop", subscription_id, 1)
    gate.set()
    retried = await desk.console("retry", subscription_id, 1)

    # The node of this test logs to the same place.
    said = [result.stdout.splitlines() for result in (dropped, retried)]
    assert f"subscription {subscription_id}, interval 1: ignored({DROPPED})" in said[0]
    assert f"subscription {subscription_id}, interval 1: due" in said[1]
    assert (dropped.exit_code, retried.exit_code) == (0, 0)
    await until(lambda: chain.answer(subscription_id) == "echo: by hand?")
    again = await desk.console("retry", subscription_id, 1)
    assert (again.exit_code, "only what is failed or ignored" in again.output) == (1, True)


async def test_the_command_says_that_no_node_runs(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    port = free_port()
    config.write_text(json.dumps({"server": {"port": port}}))

    said = await Desk(None, config).console("retry", 1, 1)  # type: ignore[arg-type]

    assert said.exit_code == 1
    assert f"no node answers at http://127.0.0.1:{port}" in said.output


async def test_the_command_names_the_setting_that_keeps_it_out(tmp_path: Path) -> None:
    config = {"server": {"operator_ips": ["192.0.2.7/32"], "port": free_port()}}
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    async with running_node(config, tmp_path, chain=FakeChain()) as node:
        said = await Desk(node, path).console("drop", 1, 1)

    assert said.exit_code == 1
    assert "server.operator_ips" in said.output


async def test_a_command_that_nobody_can_carry_out_is_not_kept(
    tmp_path: Path, chain: Chain, container: ScriptedContainer
) -> None:
    async with schema_url() as url:
        config = {**settings(chain, container.url), "store": {"url": url}}
        async with running_node(config, tmp_path, role=Role.API) as node:
            path = "/api/chain/subscriptions/1/intervals/1/retry"
            status, body = await node.post(path, None)

    assert (status, body["error"]) == (503, "no process works on the chain now")
