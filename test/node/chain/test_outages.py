"""An endpoint that fails delays answers, and costs nothing else."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy.exc import OperationalError

from infernet_node.chain import service
from infernet_node.chain.transactions import Transactions
from scripts.processes import free_port
from test.node.chain.world import NODE, Chain, Log, Node, Pipeline
from test.support.faulty_rpc import Fault, FaultyRpc, faulty_rpc

MET = [fault for fault in Fault if fault is not Fault.REFUSE]
"""Faults that requests meet; that nobody listens is for tests of whole nodes."""


@pytest.fixture
async def endpoint(chain: Chain) -> AsyncIterator[FaultyRpc]:
    async with faulty_rpc(chain.anvil.url) as proxy:
        yield proxy


@pytest.fixture
async def proxied(node: Node, endpoint: FaultyRpc) -> Node:
    """The node, with the proxy between it and the chain."""
    node.rpc_url = endpoint.url
    await node.restart()
    await node.until(lambda: node.service.status == "ready")
    return node


@pytest.mark.parametrize("fault", MET)
async def test_w_17_a_request_made_during_an_outage_is_answered_after_it(
    chain: Chain, proxied: Node, endpoint: FaultyRpc, pipeline: Pipeline, fault: Fault
) -> None:
    endpoint.fault = fault
    subscription_id = chain.ask("anybody there?")
    await endpoint.failed.wait()
    endpoint.fault = None

    await proxied.until(lambda: chain.deliveries() == 1)
    await proxied.until(lambda: chain.anvil.number > 30)

    assert chain.answer(subscription_id) == "echo: anybody there?"
    assert chain.deliveries() == 1
    assert len(pipeline.runs) == 1
    assert chain.reverted() == 0
    assert proxied.service.status == "ready"


@pytest.mark.parametrize("fault", MET)
async def test_an_outage_while_sending_neither_loses_nor_repeats_the_answer(
    chain: Chain, proxied: Node, endpoint: FaultyRpc, pipeline: Pipeline, fault: Fault
) -> None:
    pipeline.gate = asyncio.Event()
    chain.ask("still sending?")
    await proxied.until(lambda: len(pipeline.runs) == 1)
    endpoint.fault = fault
    endpoint.failed.clear()
    pipeline.gate.set()
    await endpoint.failed.wait()
    endpoint.fault = None

    await proxied.until(lambda: chain.deliveries() == 1)
    await proxied.until(lambda: chain.anvil.number > 30)

    assert (chain.deliveries(), len(pipeline.runs)) == (1, 1)
    assert (chain.nonce_of(NODE), chain.reverted()) == (1, 0)


async def test_w_21_inputs_that_an_endpoint_keeps_back_are_not_taken_for_none(
    chain: Chain, proxied: Node, endpoint: FaultyRpc, pipeline: Pipeline, log: Log
) -> None:
    subscription_id = chain.schedule(["what is it?"], period=100_000)
    await proxied.until(lambda: log.has("tracked new subscription"), mine=False)
    endpoint.fault, endpoint.only = Fault.NULL, "eth_call"
    chain.anvil.mine_at(chain.anvil.timestamp + 100_000)
    await endpoint.failed.wait()
    endpoint.fault = None

    await proxied.until(lambda: chain.deliveries() == 1)
    assert chain.scheduled_answer(subscription_id, 1) == "echo: what is it?"
    assert len(pipeline.runs) == 1


async def test_an_outage_while_confirming_changes_nothing(
    chain: Chain, proxied: Node, endpoint: FaultyRpc
) -> None:
    chain.ask("done yet?")
    await proxied.until(lambda: chain.pending_of(NODE) == 1, mine=False)
    endpoint.fault = Fault.SERVER_ERROR
    chain.anvil.mine()
    endpoint.failed.clear()
    await endpoint.failed.wait()
    await proxied.until(lambda: proxied.service.status != "ready")
    endpoint.fault = None

    await proxied.until(lambda: proxied.service.status == "ready")

    assert chain.deliveries() == 1
    assert (chain.nonce_of(NODE), chain.reverted()) == (1, 0)


async def test_a_node_that_starts_before_its_chain_connects_when_it_is_there(
    chain: Chain, node: Node, endpoint: FaultyRpc
) -> None:
    endpoint.fault = Fault.RATE_LIMIT
    node.rpc_url = endpoint.url
    await node.restart()
    await endpoint.failed.wait()
    await node.until(lambda: "429" in node.service.status)
    chain.ask("early bird?")
    endpoint.fault = None

    await node.until(lambda: chain.deliveries() == 1)


async def test_a_store_in_trouble_is_asked_more_and_more_rarely_until_it_recovers(
    chain: Chain, node: Node, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_transactions: Transactions) -> None:
        raise OperationalError("SELECT", {}, Exception("disk I/O error"))

    monkeypatch.setattr(service, "_FIRST_PAUSE", 0.01)
    with monkeypatch.context() as trouble:
        trouble.setattr(Transactions, "start", fail)
        await node.restart()
        await node.until(lambda: log.count("chain work ended") >= 4)
    chain.ask("better now?")

    await node.until(lambda: chain.deliveries() == 1)
    pauses = [line["retry_in"] for line in log.entries if "retry_in" in line]
    assert pauses[:4] == [0.01, 0.02, 0.04, 0.08]


async def test_with_two_endpoints_one_may_be_dead(chain: Chain, node: Node) -> None:
    node.rpc_url = f"http://127.0.0.1:{free_port()}/,{chain.anvil.url}"
    await node.restart()
    await node.until(lambda: node.service.status == "ready")
    chain.ask("which one?")

    await node.until(lambda: chain.deliveries() == 1)


@pytest.mark.parametrize("tracked", [0, 30])
async def test_w_32_empty_blocks_cost_a_look_at_the_head_whatever_is_tracked(
    chain: Chain, proxied: Node, endpoint: FaultyRpc, log: Log, tracked: int
) -> None:
    for _ in range(tracked):
        chain.schedule(["some day"], period=100_000)
    pattern = "tracked new subscription"
    await proxied.until(lambda: log.count(pattern) == tracked, mine=False)
    await proxied.until(lambda: proxied.service.head == chain.anvil.number, mine=False)
    before = endpoint.batches

    for _ in range(5):
        chain.anvil.mine()
        await proxied.until(lambda: proxied.service.head == chain.anvil.number, mine=False)

    assert endpoint.batches == before


async def test_w_32_a_block_with_a_subscription_costs_one_batch_and_its_reading(
    chain: Chain, proxied: Node, endpoint: FaultyRpc, log: Log
) -> None:
    await proxied.until(lambda: proxied.service.head == chain.anvil.number, mine=False)
    before = endpoint.batches

    chain.schedule(["some day"], period=100_000)
    await proxied.until(lambda: log.has("tracked new subscription"), mine=False)

    assert endpoint.batches == before + 1
