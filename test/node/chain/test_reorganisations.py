"""Blocks that disappear take nothing with them but what was in them."""

import asyncio

import pytest

from infernet_node.config import ContainerConfig
from infernet_protocol.subscription import ZERO_ADDRESS
from test.node.chain.market import Market, Terms
from test.node.chain.world import CONTAINER, NODE, Chain, Log, Node, Pipeline
from test.support.anvil import run_anvil


async def test_w_36_a_delivery_that_disappears_is_delivered_again_without_computing_again(
    chain: Chain, node: Node, pipeline: Pipeline
) -> None:
    subscription_id = chain.ask("once more?")
    before = chain.anvil.rpc("evm_snapshot")
    await node.until(lambda: chain.deliveries() == 1)
    await node.until(lambda: chain.anvil.number > 20)
    chain.reorganise(before)
    assert chain.deliveries() == 0

    await node.until(lambda: chain.deliveries() == 1)
    await node.until(lambda: chain.anvil.number > 30)

    assert chain.answer(subscription_id) == "echo: once more?"
    assert chain.deliveries() == 1
    assert len(pipeline.runs) == 1
    assert chain.reverted() == 0


async def test_an_id_that_comes_back_as_another_question_gets_its_own_answer(
    chain: Chain, node: Node, pipeline: Pipeline
) -> None:
    before = chain.anvil.rpc("evm_snapshot")
    first = chain.ask("the old question")
    await node.until(lambda: chain.deliveries() == 1)
    chain.reorganise(before)

    second = chain.ask("the new question")
    await node.until(lambda: chain.deliveries() == 1)
    await node.until(lambda: chain.anvil.number > 40)

    assert first == second
    assert chain.answer(second) == "echo: the new question"
    assert chain.deliveries() == 1
    assert chain.reverted() == 0


async def test_an_answer_to_the_old_question_is_not_taken_for_one_to_the_new(
    chain: Chain, node: Node, pipeline: Pipeline, log: Log
) -> None:
    before = chain.anvil.rpc("evm_snapshot")
    chain.ask("the old question")
    await node.until(lambda: chain.pending_of(NODE) == 1, mine=False)
    chain.reorganise(before)
    before, pipeline.gate = chain.anvil.rpc("evm_snapshot"), asyncio.Event()
    chain.ask("the new question")
    await node.until(lambda: len(pipeline.runs) == 2)
    # The new question's input is recorded, its answer is not, and the old answer once was.
    chain.reorganise(before)
    subscription_id = chain.ask("the new question")
    await node.until(lambda: log.count("chain reorganised") == 2, mine=False)
    pipeline.gate.set()

    await node.until(lambda: chain.deliveries() == 1)

    assert chain.answer(subscription_id) == "echo: the new question"


async def test_a_request_that_comes_back_to_another_container_is_computed_again(
    chain: Chain, node: Node, pipeline: Pipeline
) -> None:
    await node.stop()
    ids = (CONTAINER, "other")
    node.containers = [ContainerConfig(id=id_, url="http://unused.invalid") for id_ in ids]
    await node.start()
    market = Market(chain)
    before = chain.anvil.rpc("evm_snapshot")
    market.request(Terms(wallet=ZERO_ADDRESS, amount=0))
    await node.until(lambda: chain.pending_of(NODE) == 1, mine=False)
    chain.reorganise(before)

    market.request(Terms(wallet=ZERO_ADDRESS, amount=0, container="other"))
    await node.until(lambda: chain.deliveries() == 1)

    assert [run["containers"] for run in pipeline.runs] == [(CONTAINER,), ("other",)]


async def test_a_request_that_comes_back_unchanged_is_not_computed_again(
    chain: Chain, node: Node, pipeline: Pipeline
) -> None:
    before = chain.anvil.rpc("evm_snapshot")
    chain.ask("same as ever")
    await node.until(lambda: chain.deliveries() == 1)
    chain.reorganise(before)

    subscription_id = chain.ask("same as ever")
    await node.until(lambda: chain.deliveries() == 1)

    assert chain.answer(subscription_id) == "echo: same as ever"
    assert len(pipeline.runs) == 1


async def test_a_request_that_does_not_come_back_is_not_answered(
    chain: Chain, node: Node, pipeline: Pipeline
) -> None:
    before = chain.anvil.rpc("evm_snapshot")
    chain.ask("never mind")
    await node.until(lambda: chain.pending_of(NODE) == 1, mine=False)
    chain.reorganise(before)

    await node.until(lambda: chain.anvil.number > 30)

    assert chain.deliveries() == 0
    assert chain.reverted() == 0


async def test_a_cancellation_that_disappears_is_forgotten(
    chain: Chain, node: Node, pipeline: Pipeline, log: Log
) -> None:
    subscription_id = chain.schedule(["still wanted"], period=25)
    await node.until(lambda: log.has("tracked new subscription"), mine=False)
    before = chain.anvil.rpc("evm_snapshot")
    chain.cancel(subscription_id)
    await node.until(lambda: log.has("subscription cancelled"))
    chain.reorganise(before)

    await node.until(lambda: chain.deliveries() == 1)

    assert chain.scheduled_answer(subscription_id, 1) == "echo: still wanted"


@pytest.mark.parametrize("depth", [1, 2, 12])
async def test_a_reorganisation_while_the_node_is_down_is_noticed_at_its_start(
    chain: Chain, node: Node, depth: int
) -> None:
    before = chain.anvil.rpc("evm_snapshot")
    chain.ask("the old question")
    await node.until(lambda: chain.deliveries() == 1)
    chain.anvil.mine(depth)
    await node.until(lambda: node.service.status == "ready")
    await node.stop()
    chain.reorganise(before)
    subscription_id = chain.ask("the new question")
    chain.anvil.mine(depth + 2)

    await node.start()
    await node.until(lambda: chain.deliveries() == 1)

    assert chain.answer(subscription_id) == "echo: the new question"


async def test_a_development_chain_that_starts_afresh_is_another_chain(
    chain: Chain, node: Node, pipeline: Pipeline, log: Log
) -> None:
    chain.ask("on the old chain")
    await node.until(lambda: chain.deliveries() == 1)
    await node.stop()

    with run_anvil(["--no-mining", "--timestamp", "1000000000"]) as fresh:
        reborn = chain.redeployed_on(fresh)
        node.chain, node.rpc_url = reborn, fresh.url
        await node.start()
        subscription_id = reborn.ask("on the new chain")
        await node.until(lambda: reborn.deliveries() == 1)
        await node.stop()
        assert reborn.answer(subscription_id) == "echo: on the new chain"

    node.chain, node.rpc_url = chain, ""
    await node.start()
