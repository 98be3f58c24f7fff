"""Reorganisations of every depth up to the confirmations that public chains are given."""

import asyncio

import pytest

from test.node.chain.world import NODE, Chain, Log, Node, Pipeline

DEPTHS = range(1, 13)


async def grown(chain: Chain, node: Node, height: int) -> None:
    """Lets blocks come one by one, each seen by the node, up to a height."""
    while chain.anvil.number < height:
        chain.anvil.mine()
        await node.until(lambda: node.service.head == chain.anvil.number, mine=False)


@pytest.mark.parametrize("depth", DEPTHS)
async def test_a_creation_that_is_removed_is_not_answered_and_its_id_is_free(
    chain: Chain, node: Node, pipeline: Pipeline, depth: int
) -> None:
    pipeline.gate = asyncio.Event()
    before, height = chain.anvil.rpc("evm_snapshot"), chain.anvil.number
    removed = chain.ask("never mind")
    await node.until(lambda: len(pipeline.runs) == 1, mine=False)
    await grown(chain, node, height + depth)
    chain.reorganise(before)
    pipeline.gate.set()

    second = chain.ask("something else")
    await node.until(lambda: chain.deliveries() == 1)
    await node.until(lambda: chain.anvil.number > height + depth + 10)

    assert second == removed
    assert chain.answer(second) == "echo: something else"
    assert chain.deliveries() == 1
    assert chain.reverted() == 0


@pytest.mark.parametrize("depth", DEPTHS)
async def test_a_delivery_that_is_removed_is_delivered_once_more(
    chain: Chain, node: Node, pipeline: Pipeline, depth: int
) -> None:
    subscription_id = chain.ask("once more?")
    await node.until(lambda: chain.pending_of(NODE) == 1, mine=False)
    before, height = chain.anvil.rpc("evm_snapshot"), chain.anvil.number
    await grown(chain, node, height + depth)
    assert chain.deliveries() == 1
    chain.reorganise(before)
    assert chain.deliveries() == 0

    await node.until(lambda: chain.deliveries() == 1)
    await node.until(lambda: chain.anvil.number > height + depth + 10)

    assert chain.answer(subscription_id) == "echo: once more?"
    assert (chain.deliveries(), len(pipeline.runs)) == (1, 1)
    assert chain.reverted() == 0


@pytest.mark.parametrize("depth", DEPTHS)
async def test_questions_and_answers_that_come_back_in_another_order_belong_together(
    chain: Chain, node: Node, log: Log, depth: int
) -> None:
    before, height = chain.anvil.rpc("evm_snapshot"), chain.anvil.number
    chain.put("one")
    chain.put("two")
    await grown(chain, node, height + depth)
    await node.until(lambda: log.count("sent tx") >= 2, mine=False)
    chain.reorganise(before)

    two, one = chain.ask("two"), chain.ask("one")
    await node.until(lambda: chain.deliveries() == 2)
    await node.until(lambda: chain.anvil.number > height + depth + 15)

    assert (chain.answer(one), chain.answer(two)) == ("echo: one", "echo: two")
    assert (chain.deliveries(one), chain.deliveries(two)) == (1, 1)
    assert chain.reverted() == 0
