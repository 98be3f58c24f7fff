"""Every request ends in a named state, and the node can say which and why."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from infernet_node.chain.history import UnknownSubscriptionError
from infernet_node.cli import main
from infernet_node.store.database import Database
from infernet_protocol.subscription import ZERO_ADDRESS
from test.node.chain.market import PRICE, Market, Terms
from test.node.chain.world import CONTAINER, REQUESTER, Chain, Node, Pipeline
from test.support.node import FakeChain, running_node


async def told(node: Node, subscription_id: int, interval: int | None = None) -> Any:
    (history,) = await node.service.history(str(subscription_id), interval)
    return history


def console(node: Node, folder: Path, *arguments: str) -> Any:
    config = folder / "config.json"
    config.write_text(json.dumps({"store": {"url": node.database_url}}))
    return CliRunner().invoke(main, ["why", "--config", str(config), *arguments])


async def test_w_56_an_answer_is_told_with_its_transaction(chain: Chain, node: Node) -> None:
    subscription_id = chain.ask("what became of it?")
    await node.until(lambda: chain.deliveries() == 1)
    while (history := await told(node, subscription_id)).state == "tracked":
        chain.anvil.mine()

    (interval,) = history.intervals
    (sent,) = interval.transactions
    receipt = chain.anvil.rpc("eth_getTransactionReceipt", sent.hash)
    assert history.state == "ended(answered)"
    assert (interval.interval, interval.state, sent.state) == (1, "answered", "final")
    assert receipt["status"] == "0x1"
    assert sent.block == int(receipt["blockNumber"], 16)


async def test_a_failure_is_told_with_its_reason(
    chain: Chain, node: Node, pipeline: Pipeline
) -> None:
    pipeline.refuses = True
    subscription_id = chain.ask("too long?")
    await node.until(lambda: len(pipeline.runs) == 1)
    while (history := await told(node, subscription_id)).state == "tracked":
        chain.anvil.mine()

    assert [interval.state for interval in history.intervals] == ["failed(text: too long)"]
    assert history.intervals[0].transactions == ()


async def test_w_52_an_interval_waits_for_a_container_that_is_down_and_says_so(
    chain: Chain, node: Node, pipeline: Pipeline, tmp_path: Path
) -> None:
    node.down.add(CONTAINER)
    subscription_id = chain.ask("is anybody there?")
    await node.until(lambda: node.service.head == chain.anvil.number, mine=False)
    expected = f"due(not running: {CONTAINER})"
    while [each.state for each in (await told(node, subscription_id)).intervals] != [expected]:
        chain.anvil.mine()
    said = await asyncio.to_thread(console, node, tmp_path, str(subscription_id))
    assert expected in said.stdout
    assert pipeline.runs == []

    node.down.clear()
    await node.until(lambda: chain.deliveries() == 1)
    (interval,) = (await told(node, subscription_id)).intervals
    assert interval.reason is None


async def test_what_is_not_for_this_node_is_told_with_its_reason(chain: Chain, node: Node) -> None:
    subscription_id = chain.subscribe_as(REQUESTER, container="another")
    await node.until(lambda: node.service.head == chain.anvil.number, mine=False)

    assert (await told(node, subscription_id)).state == "ignored(Container-set not supported)"


async def test_only_the_interval_that_is_asked_for_is_told(chain: Chain, node: Node) -> None:
    subscription_id = chain.schedule(["first", "second"], period=10)
    await node.until(lambda: chain.deliveries(subscription_id) == 2)

    history = await told(node, subscription_id, interval=2)

    assert [interval.interval for interval in history.intervals] == [2]


async def test_an_unknown_subscription_is_no_empty_answer(node: Node) -> None:
    with pytest.raises(UnknownSubscriptionError, match="subscription 12345 is not known"):
        await node.service.history("12345", None)


async def test_the_command_needs_no_running_node(chain: Chain, node: Node, tmp_path: Path) -> None:
    subscription_id = chain.ask("what became of it?")
    await node.until(lambda: chain.deliveries() == 1)
    while (await told(node, subscription_id)).state == "tracked":
        chain.anvil.mine()
    await node.stop()

    said = await asyncio.to_thread(console, node, tmp_path, str(subscription_id))
    await node.start()

    assert said.exit_code == 0, said.output
    assert "interval 1: answered" in said.output
    assert "transaction 0x" in said.output
    assert "final in block" in said.output


@pytest.mark.parametrize(
    ("subscription", "expected", "exit_code"),
    [
        ("77", "is not known", 1),
        ("9" * 20, "is not known", 1),
        ("delegated-" + "9" * 20, "is not known", 1),
        ("seven", "Invalid value for 'SUBSCRIPTION': must be an id", 2),
    ],
)
def test_the_command_says_what_is_wrong(
    tmp_path: Path, subscription: str, expected: str, exit_code: int
) -> None:
    store = f"sqlite+aiosqlite:///{tmp_path / 'node.sqlite'}"
    asyncio.run(made(store))
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"store": {"url": store}}))

    said = CliRunner().invoke(main, ["why", "--config", str(config), subscription])

    assert said.exit_code == exit_code
    assert expected in said.output


def test_an_interval_that_is_no_number_is_refused() -> None:
    said = CliRunner().invoke(main, ["why", "7", "first"])
    assert said.exit_code == 2
    assert "Invalid value for '[INTERVAL]': 'first' is not a valid interval" in said.output


async def made(store: str) -> None:
    """What a node that has run leaves."""
    await (await Database.open(store)).close()


@pytest.mark.parametrize(
    ("path", "status"),
    [("7", 404), ("seven", 400), ("7?interval=x", 400), ("99999999999", 400)],
)
async def test_the_route_refuses_what_it_cannot_answer(
    tmp_path: Path, path: str, status: int
) -> None:
    async with running_node({}, tmp_path, chain=FakeChain()) as node:
        got, body = await node.get(f"/api/chain/subscriptions/{path}")

    assert got == status
    assert body["error"]


@pytest.mark.parametrize("interval", ["0", "-1", "4294967296", ""])
async def test_the_route_names_the_range_of_the_interval(tmp_path: Path, interval: str) -> None:
    async with running_node({}, tmp_path, chain=FakeChain()) as node:
        got, body = await node.get(f"/api/chain/subscriptions/7?interval={interval}")

    assert (got, body["error"]) == (400, "interval: must be a number from 1 to 4294967295")


async def test_the_command_tells_what_an_answer_was_paid(
    chain: Chain, market: Market, paid_node: Node, tmp_path: Path
) -> None:
    subscription_id = market.request(Terms(market.paying_wallet()))
    await paid_node.until(lambda: chain.deliveries() == 1)
    while (await told(paid_node, subscription_id)).state == "tracked":
        chain.anvil.mine()
    await paid_node.stop()

    said = await asyncio.to_thread(console, paid_node, tmp_path, str(subscription_id))
    await paid_node.start()

    assert f"payment of {PRICE} of token {ZERO_ADDRESS}: paid" in said.output


async def test_income_is_told_in_texts_that_lose_no_digit(tmp_path: Path) -> None:
    async with running_node({}, tmp_path, chain=FakeChain()) as node:
        status, (book,) = await node.get("/api/chain/income")

    assert status == 200
    assert (book["container"], book["answers"]) == ("chat", 2)
    assert (book["earned"], book["awaiting"], book["slashed"]) == (str(2**200), "0", "0")


async def test_income_is_for_operators_of_a_node_with_a_chain(tmp_path: Path) -> None:
    strangers = {"server": {"operator_ips": ["192.0.2.7/32"]}}
    async with running_node(strangers, tmp_path, chain=FakeChain()) as node:
        assert (await node.get("/api/chain/income"))[0] == 403
    async with running_node({}, tmp_path) as node:
        assert (await node.get("/api/chain/income"))[0] == 404
