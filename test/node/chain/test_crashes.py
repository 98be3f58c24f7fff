"""A node that is killed anywhere carries on: no interval unanswered, none answered twice."""

import asyncio

import pytest

from test.node.chain.world import Chain, Node, Pipeline

POINTS = (
    "inputs recorded",
    "container answered",
    "output recorded",
    "transaction prepared",
    "transaction signed",
    "transaction sent",
    "transaction recorded",
    "answer recorded",
)
RUNS = {"container answered": 2}
"""The one point at which a model call is repeated: its answer was not recorded yet."""


@pytest.mark.parametrize("point", POINTS)
async def test_a_callback_survives_a_kill(
    chain: Chain, node: Node, pipeline: Pipeline, point: str
) -> None:
    node.die_at = point
    subscription_id = chain.ask("still there?")
    await node.until(lambda: node.is_dead)

    await node.restart()
    await node.until(lambda: chain.deliveries() > 0)
    await node.until(lambda: chain.anvil.number > 20)

    assert chain.answer(subscription_id) == "echo: still there?"
    assert chain.deliveries() == 1
    assert len(pipeline.runs) == RUNS.get(point, 1)
    assert chain.reverted() == 0


@pytest.mark.parametrize("point", POINTS)
async def test_intervals_survive_a_kill(
    chain: Chain, node: Node, pipeline: Pipeline, point: str
) -> None:
    subscription_id = chain.schedule(["first", "second"], period=12)
    node.die_at = point
    await node.until(lambda: node.is_dead)

    await node.restart()
    await node.until(lambda: chain.deliveries(subscription_id) == 2)
    await node.until(lambda: chain.anvil.number > 60)

    assert chain.scheduled_answer(subscription_id, 1) == "echo: first"
    assert chain.scheduled_answer(subscription_id, 2) == "echo: second"
    assert chain.deliveries() == 2
    assert len(pipeline.runs) == RUNS.get(point, 1) + 1
    assert chain.reverted() == 0


async def test_a_burst_survives_one_kill_after_the_other(
    chain: Chain, node: Node, pipeline: Pipeline
) -> None:
    ids = [chain.ask(f"question {number}") for number in range(10)]

    for point in POINTS:
        node.die_at = point
        await node.until(lambda: node.is_dead or chain.deliveries() == len(ids))
        await node.restart()
    await node.until(lambda: chain.deliveries() == len(ids))
    await node.until(lambda: chain.anvil.number > 60)

    assert [chain.answer(id_) for id_ in ids] == [f"echo: question {n}" for n in range(10)]
    assert chain.deliveries() == len(ids)
    assert chain.reverted() == 0


async def test_w_18_what_was_asked_while_the_node_was_down_is_answered(
    chain: Chain, node: Node, pipeline: Pipeline
) -> None:
    chain.ask("before")
    await node.until(lambda: chain.deliveries() == 1)
    await node.stop()
    subscription_id = chain.ask("meanwhile")
    cancelled = chain.schedule(["never"], period=5)
    chain.cancel(cancelled)
    await asyncio.to_thread(chain.anvil.mine, 10)

    await node.start()
    await node.until(lambda: chain.deliveries() == 2)
    await node.until(lambda: chain.anvil.number > 50)

    assert chain.answer(subscription_id) == "echo: meanwhile"
    assert len(pipeline.runs) == 2


async def test_an_interval_that_passed_while_the_node_was_down_is_lost_not_answered_late(
    chain: Chain, node: Node, pipeline: Pipeline
) -> None:
    subscription_id = chain.schedule(["first", "second"], period=20)
    node.die_at = "output recorded"
    await node.until(lambda: node.is_dead)
    await node.stop()
    await asyncio.to_thread(chain.anvil.mine, 25)

    await node.start()
    await node.until(lambda: chain.deliveries() == 1)

    assert chain.scheduled_answer(subscription_id, 1) == ""
    assert chain.scheduled_answer(subscription_id, 2) == "echo: second"
    assert chain.reverted() == 0
