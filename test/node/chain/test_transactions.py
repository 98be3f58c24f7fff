"""The transaction library alone, against a real Anvil that mines on command."""

import asyncio
from dataclasses import replace

import pytest

from infernet_node.chain.fees import LOCAL
from infernet_node.chain.journal import Intent, State
from infernet_node.chain.rpc_errors import RevertError
from test.node.chain.lane import (
    REVERTS,
    OpenLane,
    payment,
    received,
    settle,
)
from test.support.anvil import Anvil


async def test_a_transaction_is_mined_and_final_in_the_next_block(
    anvil: Anvil, open_lane: OpenLane
) -> None:
    lane = open_lane()
    await lane.start()
    await lane.submit(payment())
    outcome = lane.outcome("payment 0")

    anvil.mine()
    await lane.poll()

    assert outcome.result().state is State.FINAL
    assert received(anvil) == 1


async def test_fifty_at_once_do_not_wait_for_each_other(anvil: Anvil, open_lane: OpenLane) -> None:
    lane = open_lane()
    await lane.start()

    await asyncio.gather(*(lane.submit(payment(number)) for number in range(50)))
    anvil.mine()
    await lane.poll()

    rows = [await lane.find(f"payment {number}") for number in range(50)]
    assert [row and row.state for row in rows] == [State.FINAL] * 50
    assert sorted(row.nonce or 0 for row in rows if row) == list(range(50))
    assert received(anvil) == 50


async def test_more_than_the_limit_wait_for_a_slot(anvil: Anvil, open_lane: OpenLane) -> None:
    lane = open_lane(replace(LOCAL, max_in_flight=2))
    await lane.start()
    waiting = {asyncio.create_task(lane.submit(payment(number))) for number in range(3)}
    while len(waiting) > 1:
        _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    (third,) = waiting

    anvil.mine()
    await lane.poll()
    await third
    anvil.mine()
    await lane.poll()

    assert received(anvil) == 3


async def test_w_39_the_same_reference_is_sent_once(anvil: Anvil, open_lane: OpenLane) -> None:
    lane = open_lane()
    await lane.start()

    await asyncio.gather(*(lane.submit(payment()) for _ in range(3)))
    await settle(lane, anvil, "payment 0")
    again = await lane.submit(payment())

    assert again.state is State.FINAL
    assert received(anvil) == 1


async def test_a_simulated_revert_leaves_no_trace(anvil: Anvil, open_lane: OpenLane) -> None:
    anvil.rpc("anvil_setCode", REVERTS, "0x6323455ba160005260046" + "01cfd")  # InvalidWallet()
    lane = open_lane()
    await lane.start()

    with pytest.raises(RevertError) as caught:
        await lane.submit(Intent("pay", REVERTS))

    assert caught.value.name == "InvalidWallet"
    assert await lane.find("pay") is None


async def test_a_revert_on_chain_is_a_failure_with_a_reason(
    anvil: Anvil, open_lane: OpenLane
) -> None:
    anvil.rpc("anvil_setCode", REVERTS, "0x5f5ffd")
    lane = open_lane()
    await lane.start()

    await lane.submit(Intent("pay", REVERTS, gas=100_000))
    (entry,) = await settle(lane, anvil, "pay")

    assert (entry.state, entry.reason) == (State.FAILED, "reverted on chain")
