"""What happens to a transaction on its way, seen by the whole chain half: all is answered, once."""

import pytest

from test.node.chain.world import NODE, REQUESTER, Chain, Node, Pipeline

QUESTIONS = [f"question {number}" for number in range(3)]


async def sent(chain: Chain, node: Node) -> list[int]:
    """Asks; returns the ids once all answers are in the pool."""
    first = chain.next_id
    for question in QUESTIONS:
        chain.put(question)
    chain.anvil.mine()
    await node.until(lambda: chain.pending_of(NODE) == len(QUESTIONS), mine=False)
    return [first + offset for offset in range(len(QUESTIONS))]


async def until_answered_once(chain: Chain, node: Node, pipeline: Pipeline, ids: list[int]) -> None:
    await node.until(lambda: chain.deliveries() == len(ids))
    end = chain.anvil.number + 15
    await node.until(lambda: chain.anvil.number > end)
    assert [chain.answer(id_) for id_ in ids] == [f"echo: {question}" for question in QUESTIONS]
    assert [chain.deliveries(id_) for id_ in ids] == [1, 1, 1]
    assert len(pipeline.runs) == len(ids)
    assert chain.reverted() == 0


async def test_a_price_that_jumps_above_the_cap_and_falls(
    chain: Chain, node: Node, pipeline: Pipeline
) -> None:
    ids = await sent(chain, node)
    end = chain.anvil.number + 15
    while chain.anvil.number < end:
        chain.anvil.rpc("anvil_setNextBlockBaseFeePerGas", hex(10**13))
        chain.anvil.mine()
        await node.until(lambda: node.service.head == chain.anvil.number, mine=False)
    assert chain.deliveries() == 0

    chain.anvil.rpc("anvil_setNextBlockBaseFeePerGas", hex(10**9))
    await until_answered_once(chain, node, pipeline, ids)


@pytest.mark.parametrize("more_than_ours", [0, 2])
async def test_nonces_that_somebody_else_with_the_key_uses(
    chain: Chain, node: Node, pipeline: Pipeline, more_than_ours: int
) -> None:
    ids = await sent(chain, node)
    chain.anvil.rpc("anvil_dropAllTransactions")
    for _ in range(len(QUESTIONS) + more_than_ours):
        transfer = {"from": NODE, "to": REQUESTER, "value": "0x1", "gas": hex(21_000)}
        chain.anvil.rpc("eth_sendTransaction", transfer)
    chain.anvil.mine()

    await until_answered_once(chain, node, pipeline, ids)


@pytest.mark.parametrize("times", [1, 3])
async def test_a_pool_that_forgets(
    chain: Chain, node: Node, pipeline: Pipeline, times: int
) -> None:
    ids = await sent(chain, node)
    for _ in range(times):
        chain.anvil.rpc("anvil_dropAllTransactions")
        chain.anvil.mine()
        await node.until(lambda: node.service.head == chain.anvil.number, mine=False)

    await until_answered_once(chain, node, pipeline, ids)
