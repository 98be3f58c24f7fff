"""The chain half against the real contracts: what is asked is answered, once."""

from test.node.chain.world import Chain, Node, Pipeline


async def test_a_callback_is_answered_once(chain: Chain, node: Node, pipeline: Pipeline) -> None:
    subscription_id = chain.ask("Can shrimp actually fry rice?")

    await node.until(lambda: chain.deliveries() > 0)
    chain.anvil.mine(3)

    assert chain.answer(subscription_id) == "echo: Can shrimp actually fry rice?"
    assert chain.deliveries(subscription_id) == 1
    assert len(pipeline.runs) == 1
    assert chain.reverted() == 0


async def test_each_interval_is_answered_once_with_its_own_input(
    chain: Chain, node: Node, pipeline: Pipeline
) -> None:
    subscription_id = chain.schedule(["first", "second"], period=20)

    await node.until(lambda: chain.deliveries(subscription_id) == 2, seconds=20)
    chain.anvil.mine(25)

    assert chain.scheduled_answer(subscription_id, 1) == "echo: first"
    assert chain.scheduled_answer(subscription_id, 2) == "echo: second"
    assert chain.deliveries(subscription_id) == 2
    assert len(pipeline.runs) == 2
    assert chain.reverted() == 0
