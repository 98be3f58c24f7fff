"""Transactions when processes die, pools forget, blocks vanish and others use the key."""

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest
from eth_account.signers.local import LocalAccount

from infernet_node.chain.fees import LOCAL
from infernet_node.chain.journal import Intent, State
from infernet_node.chain.rpc import Rpc
from infernet_node.chain.rpc_errors import TransportError
from infernet_node.store.database import Database
from test.node.chain.lane import (
    RECIPIENT,
    REVERTS,
    Crash,
    OpenLane,
    mined_transactions,
    payment,
    received,
    send_elsewhere,
    settle,
)
from test.support.anvil import Anvil
from test.support.sqlite import limit_parameters

POINTS = ("transaction prepared", "transaction signed", "transaction sent")


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("mined_meanwhile", [False, True])
async def test_a_crash_loses_nothing_and_repeats_nothing(
    anvil: Anvil, account: LocalAccount, open_lane: OpenLane, point: str, mined_meanwhile: bool
) -> None:
    def die(reached: str) -> None:
        if reached == point:
            raise Crash

    first = open_lane(reached=die)
    await first.start()
    with suppress(Crash):
        await first.submit(payment())
    if mined_meanwhile:
        anvil.mine()

    second = open_lane()
    await second.start()
    await second.submit(payment())
    (entry,) = await settle(second, anvil, "payment 0")

    assert entry.state is State.FINAL
    assert received(anvil) == 1
    assert mined_transactions(anvil, account) == 1


async def test_an_unsigned_intent_whose_time_has_passed_is_not_sent_after_a_crash(
    anvil: Anvil, account: LocalAccount, open_lane: OpenLane
) -> None:
    def die(reached: str) -> None:
        if reached == "transaction prepared":
            raise Crash

    lane = open_lane(reached=die)
    await lane.start()
    with suppress(Crash):
        await lane.submit(payment(deadline=anvil.timestamp + 10))
    anvil.mine_at(anvil.timestamp + 10)

    recovered = open_lane()
    await recovered.start()
    await recovered.poll()

    entry = await recovered.find("payment 0")
    assert entry is not None
    assert (entry.state, entry.nonce) == (State.FAILED, None)


async def test_an_intent_that_is_not_simulated_is_not_after_a_crash_either(
    anvil: Anvil, account: LocalAccount, open_lane: OpenLane
) -> None:
    anvil.rpc("anvil_setCode", REVERTS, "0x5f5ffd")

    def die(reached: str) -> None:
        if reached == "transaction prepared":
            raise Crash

    lane = open_lane(reached=die)
    await lane.start()
    with suppress(Crash):
        await lane.submit(Intent("pay", REVERTS, gas=100_000))

    recovered = open_lane()
    await recovered.start()
    await recovered.poll()
    (entry,) = await settle(recovered, anvil, "pay")

    assert (entry.state, entry.reason) == (State.FAILED, "reverted on chain")
    assert mined_transactions(anvil, account) == 1


async def test_a_transaction_that_the_pool_dropped_is_sent_again(
    anvil: Anvil, open_lane: OpenLane
) -> None:
    lane = open_lane()
    await lane.start()
    await lane.submit(payment())
    anvil.rpc("anvil_dropAllTransactions")

    (entry,) = await settle(lane, anvil, "payment 0")

    assert entry.state is State.FINAL
    assert received(anvil) == 1


async def test_a_nonce_used_by_another_process_is_noticed(
    anvil: Anvil, account: LocalAccount, open_lane: OpenLane
) -> None:
    lane = open_lane()
    await lane.start()
    await lane.submit(payment())
    anvil.rpc("anvil_dropAllTransactions")
    send_elsewhere(anvil, account, nonce=0)
    anvil.mine()

    (entry,) = await settle(lane, anvil, "payment 0")
    assert entry.state is State.REPLACED
    await lane.submit(payment(1))
    (other,) = await settle(lane, anvil, "payment 1")

    assert (other.state, other.nonce) == (State.FINAL, 1)
    assert received(anvil) == 1


async def test_w_34_a_pending_transaction_of_another_process_keeps_its_nonce(
    anvil: Anvil, account: LocalAccount, open_lane: OpenLane
) -> None:
    send_elsewhere(anvil, account, nonce=0)
    lane = open_lane()
    await lane.start()

    entry = await lane.submit(payment())

    assert entry.nonce == 1


async def test_a_gap_in_the_nonces_is_filled(
    anvil: Anvil, account: LocalAccount, open_lane: OpenLane
) -> None:
    send_elsewhere(anvil, account, nonce=0)
    lane = open_lane()
    await lane.start()
    await lane.submit(payment())
    anvil.rpc("anvil_dropAllTransactions")

    (entry,) = await settle(lane, anvil, "payment 0")

    assert (entry.state, received(anvil)) == (State.FINAL, 1)
    assert mined_transactions(anvil, account) == 2


async def test_a_reorganisation_that_removes_a_transaction_brings_it_back(
    anvil: Anvil, account: LocalAccount, open_lane: OpenLane
) -> None:
    lane = open_lane(replace(LOCAL, confirmations=3))
    await lane.start()
    before = anvil.rpc("evm_snapshot")
    await lane.submit(payment())
    anvil.mine()
    await lane.poll()
    anvil.rpc("evm_revert", before)
    anvil.rpc("anvil_dropAllTransactions")
    anvil.rpc("anvil_setNextBlockBaseFeePerGas", hex(1))

    (entry,) = await settle(lane, anvil, "payment 0")

    assert entry.state is State.FINAL
    assert (mined_transactions(anvil, account), received(anvil)) == (1, 1)


@pytest.mark.parametrize("told", [False, True])
async def test_a_reorganisation_that_removes_a_final_transaction_brings_it_back(
    anvil: Anvil, open_lane: OpenLane, told: bool
) -> None:
    lane = open_lane()
    await lane.start()
    before = anvil.rpc("evm_snapshot")
    await lane.submit(payment())
    await settle(lane, anvil, "payment 0")
    anvil.rpc("evm_revert", before)
    anvil.rpc("anvil_dropAllTransactions")
    assert received(anvil) == 0

    if told:
        await lane.recheck(anvil.number + 1)
    else:  # the next transaction shows it
        await lane.submit(payment(1))
    rows = await settle(lane, anvil, "payment 0")

    assert rows[0].state is State.FINAL
    assert received(anvil) == (1 if told else 2)


@pytest.mark.parametrize("told", [False, True])
async def test_a_reorganisation_may_doubt_more_than_a_statement_has_parameters(
    anvil: Anvil, database: Database, open_lane: OpenLane, told: bool
) -> None:
    lane = open_lane()
    await lane.start()
    names = [f"payment {number}" for number in range(20)]
    before = anvil.rpc("evm_snapshot")
    await asyncio.gather(*(lane.submit(payment(number)) for number in range(len(names))))
    await settle(lane, anvil, *names)
    anvil.rpc("evm_revert", before)
    anvil.rpc("anvil_dropAllTransactions")
    await limit_parameters(database, len(names) // 2)

    if told:
        assert sorted(await lane.recheck(0)) == sorted(names)
    else:  # the next transaction shows it
        await lane.submit(payment(len(names)))
    rows = await settle(lane, anvil, *names)

    assert {row.state for row in rows} == {State.FINAL}
    assert received(anvil) == len(names) + (not told)


async def test_an_answer_lost_after_the_send_is_not_a_failure(
    anvil: Anvil, account: LocalAccount, open_lane: OpenLane, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane = open_lane()
    await lane.start()
    send = Rpc.send_raw_transaction

    async def send_and_lose_the_answer(self: Rpc, raw: bytes) -> str:
        await send(self, raw)
        raise TransportError("no answer within 10 s")

    monkeypatch.setattr(Rpc, "send_raw_transaction", send_and_lose_the_answer)
    entry = await lane.submit(payment())
    assert entry.state is State.SIGNED

    (entry,) = await settle(lane, anvil, "payment 0")

    assert entry.state is State.FINAL
    assert mined_transactions(anvil, account) == 1


async def test_what_no_pool_takes_does_not_stop_those_after_it(
    anvil: Anvil, open_lane: OpenLane
) -> None:
    lane = open_lane()
    await lane.start()
    await lane.submit(Intent("too little gas", RECIPIENT, gas=1_000))
    await lane.submit(payment())

    rejected, paid = await settle(lane, anvil, "too little gas", "payment 0")

    assert (rejected.state, paid.state) == (State.REPLACED, State.FINAL)
    assert "intrinsic gas" in (rejected.reason or "")
