"""The transaction library alone, against a real Anvil that mines on command."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from eth_account.signers.local import LocalAccount

from infernet_node.chain.fees import LOCAL, Policy
from infernet_node.chain.journal import Entry, Intent, State
from infernet_node.chain.rpc import Rpc
from infernet_node.chain.rpc_errors import RevertError, TransportError
from infernet_node.chain.transactions import Transactions
from infernet_node.store.database import Database
from test.support.anvil import CHAIN_ID, Anvil

RECIPIENT = "0x" + "42" * 20
REVERTS = "0x" + "33" * 20
POINTS = ("transaction prepared", "transaction signed", "transaction sent")

Open = Callable[..., Transactions]


class Crash(BaseException):
    """The process ends here. Not an Exception: nothing may catch it."""


@pytest.fixture
def open_lane(rpc: Rpc, database: Database, account: LocalAccount) -> Open:
    """Makes the lane that a fresh process would make."""

    def open_lane(policy: Policy = LOCAL, **options: Any) -> Transactions:
        options = {"chain_id": CHAIN_ID, "network": "test", "max_gas_limit": 5_000_000, **options}
        return Transactions(rpc, database, account, policy=policy, **options)

    return open_lane


def received(anvil: Anvil) -> int:
    return int(anvil.rpc("eth_getBalance", RECIPIENT, "latest"), 16)


def mined_transactions(anvil: Anvil, account: LocalAccount) -> int:
    return int(anvil.rpc("eth_getTransactionCount", account.address, "latest"), 16)


def payment(number: int = 0, **fields: Any) -> Intent:
    return Intent(f"payment {number}", RECIPIENT, value=1, **fields)


async def settle(
    lane: Transactions, anvil: Anvil, *references: str, blocks: int = 12
) -> list[Entry]:
    """Mines until all of them are settled."""
    for _ in range(blocks):
        anvil.mine()
        await lane.poll()
        found = [await lane.find(reference) for reference in references]
        if all(entry is not None and entry.settled for entry in found):
            return [entry for entry in found if entry is not None]
    raise AssertionError(f"not settled after {blocks} blocks: {found}")


async def test_a_transaction_is_mined_and_final_in_the_next_block(
    anvil: Anvil, open_lane: Open
) -> None:
    lane = open_lane()
    await lane.start()
    await lane.submit(payment())
    outcome = lane.outcome("payment 0")

    anvil.mine()
    await lane.poll()

    assert outcome.result().state is State.FINAL
    assert received(anvil) == 1


async def test_fifty_at_once_do_not_wait_for_each_other(anvil: Anvil, open_lane: Open) -> None:
    lane = open_lane()
    await lane.start()

    await asyncio.gather(*(lane.submit(payment(number)) for number in range(50)))
    anvil.mine()
    await lane.poll()

    rows = [await lane.find(f"payment {number}") for number in range(50)]
    assert [row and row.state for row in rows] == [State.FINAL] * 50
    assert sorted(row.nonce or 0 for row in rows if row) == list(range(50))
    assert received(anvil) == 50


async def test_more_than_the_limit_wait_for_a_slot(anvil: Anvil, open_lane: Open) -> None:
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


async def test_w_39_the_same_reference_is_sent_once(anvil: Anvil, open_lane: Open) -> None:
    lane = open_lane()
    await lane.start()

    await asyncio.gather(*(lane.submit(payment()) for _ in range(3)))
    await settle(lane, anvil, "payment 0")
    again = await lane.submit(payment())

    assert again.state is State.FINAL
    assert received(anvil) == 1


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("mined_meanwhile", [False, True])
async def test_a_crash_loses_nothing_and_repeats_nothing(
    anvil: Anvil, account: LocalAccount, open_lane: Open, point: str, mined_meanwhile: bool
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
    anvil: Anvil, account: LocalAccount, open_lane: Open
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


async def test_a_simulated_revert_leaves_no_trace(anvil: Anvil, open_lane: Open) -> None:
    anvil.rpc("anvil_setCode", REVERTS, "0x6323455ba160005260046" + "01cfd")  # InvalidWallet()
    lane = open_lane()
    await lane.start()

    with pytest.raises(RevertError) as caught:
        await lane.submit(Intent("pay", REVERTS))

    assert caught.value.name == "InvalidWallet"
    assert await lane.find("pay") is None


async def test_a_revert_on_chain_is_a_failure_with_a_reason(anvil: Anvil, open_lane: Open) -> None:
    anvil.rpc("anvil_setCode", REVERTS, "0x5f5ffd")
    lane = open_lane()
    await lane.start()

    await lane.submit(Intent("pay", REVERTS, gas=100_000))
    (entry,) = await settle(lane, anvil, "pay")

    assert (entry.state, entry.reason) == (State.FAILED, "reverted on chain")


async def test_w_31_gas_over_the_cap_is_refused_before_anything_is_signed(
    anvil: Anvil, open_lane: Open
) -> None:
    anvil.rpc("anvil_setCode", REVERTS, "0x5b5f56")  # loops for ever
    lane = open_lane()
    await lane.start()

    with pytest.raises(RevertError, match=r"(?i)gas"):
        await lane.submit(Intent("pay", REVERTS))


async def test_gas_is_the_estimate_and_a_tenth(anvil: Anvil, open_lane: Open) -> None:
    lane = open_lane()
    await lane.start()

    entry = await lane.submit(payment())

    assert entry.gas == 21_000 * 110 // 100


async def test_w_35_a_stuck_transaction_is_priced_higher_until_it_is_mined(
    anvil: Anvil, account: LocalAccount, open_lane: Open
) -> None:
    lane = open_lane()
    await lane.start()
    entry = await lane.submit(payment())
    first = entry.signatures[0].fees
    anvil.rpc("anvil_setNextBlockBaseFeePerGas", hex(first.max_fee * 2))

    (entry,) = await settle(lane, anvil, "payment 0")

    assert entry.state is State.FINAL
    assert entry.signatures[-1].fees.max_fee * 8 >= first.max_fee * 9
    assert mined_transactions(anvil, account) == 1
    assert received(anvil) == 1


async def test_a_price_above_the_cap_is_waited_out(anvil: Anvil, open_lane: Open) -> None:
    lane = open_lane()
    await lane.start()
    entry = await lane.submit(payment())
    unaffordable = entry.signatures[0].fees.max_fee * LOCAL.escalation * 2
    for _ in range(12):
        anvil.rpc("anvil_setNextBlockBaseFeePerGas", hex(unaffordable))
        anvil.mine()
        await lane.poll()
    waiting = await lane.find("payment 0")
    assert waiting is not None
    assert not waiting.settled

    anvil.rpc("anvil_setNextBlockBaseFeePerGas", hex(10**9))
    (entry,) = await settle(lane, anvil, "payment 0")

    assert entry.state is State.FINAL
    assert max(signed.fees.max_fee for signed in entry.signatures) < unaffordable


async def test_after_its_deadline_a_transaction_is_cancelled(
    anvil: Anvil, account: LocalAccount, open_lane: Open
) -> None:
    lane = open_lane()
    await lane.start()
    now = anvil.timestamp
    entry = await lane.submit(payment(deadline=now + 5))
    anvil.rpc("anvil_setNextBlockBaseFeePerGas", hex(entry.signatures[0].fees.max_fee * 2))
    anvil.mine_at(now + 5)
    await lane.poll()

    (entry,) = await settle(lane, anvil, "payment 0")

    assert (entry.state, received(anvil)) == (State.REPLACED, 0)
    assert "deadline" in (entry.reason or "")
    assert mined_transactions(anvil, account) == 1


async def test_a_transaction_that_the_pool_dropped_is_sent_again(
    anvil: Anvil, open_lane: Open
) -> None:
    lane = open_lane()
    await lane.start()
    await lane.submit(payment())
    anvil.rpc("anvil_dropAllTransactions")

    (entry,) = await settle(lane, anvil, "payment 0")

    assert entry.state is State.FINAL
    assert received(anvil) == 1


async def test_a_nonce_used_by_another_process_is_noticed(
    anvil: Anvil, account: LocalAccount, open_lane: Open
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
    anvil: Anvil, account: LocalAccount, open_lane: Open
) -> None:
    send_elsewhere(anvil, account, nonce=0)
    lane = open_lane()
    await lane.start()

    entry = await lane.submit(payment())

    assert entry.nonce == 1


async def test_a_gap_in_the_nonces_is_filled(
    anvil: Anvil, account: LocalAccount, open_lane: Open
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
    anvil: Anvil, account: LocalAccount, open_lane: Open
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
    anvil: Anvil, open_lane: Open, told: bool
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


async def test_an_answer_lost_after_the_send_is_not_a_failure(
    anvil: Anvil, account: LocalAccount, open_lane: Open, monkeypatch: pytest.MonkeyPatch
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


async def test_w_38_an_account_without_money_says_so_and_carries_on_when_it_has_some(
    anvil: Anvil, account: LocalAccount, open_lane: Open
) -> None:
    lane = open_lane()
    await lane.start()
    anvil.rpc("anvil_setBalance", account.address, "0x0")
    await lane.submit(Intent("free of charge", RECIPIENT, gas=30_000))
    assert lane.trouble is not None
    assert account.address in lane.trouble

    anvil.rpc("anvil_setBalance", account.address, hex(10**18))
    (entry,) = await settle(lane, anvil, "free of charge")

    assert entry.state is State.FINAL
    assert lane.trouble is None


async def test_what_no_pool_takes_does_not_stop_those_after_it(
    anvil: Anvil, open_lane: Open
) -> None:
    lane = open_lane()
    await lane.start()
    await lane.submit(Intent("too little gas", RECIPIENT, gas=1_000))
    await lane.submit(payment())

    rejected, paid = await settle(lane, anvil, "too little gas", "payment 0")

    assert (rejected.state, paid.state) == (State.REPLACED, State.FINAL)
    assert "intrinsic gas" in (rejected.reason or "")


async def test_a_chain_without_base_fee_gets_legacy_transactions(
    anvil: Anvil, open_lane: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Rpc.batch

    async def without_base_fee(self: Rpc, requests: Any) -> list[Any]:
        results = await read(self, requests)
        for result in results:
            if isinstance(result, dict):
                result.pop("baseFeePerGas", None)
        return results

    monkeypatch.setattr(Rpc, "batch", without_base_fee)
    lane = open_lane()
    await lane.start()
    entry = await lane.submit(payment())
    assert entry.signatures[0].fees.tip is None

    (entry,) = await settle(lane, anvil, "payment 0")

    assert entry.state is State.FINAL
    assert anvil.rpc("eth_getTransactionByHash", entry.mined_hash)["type"] == "0x0"


def send_elsewhere(anvil: Anvil, account: LocalAccount, nonce: int) -> None:
    """What another process with the same key would do."""
    signed = account.sign_transaction(
        {
            "type": 2,
            "chainId": CHAIN_ID,
            "nonce": nonce,
            "to": account.address,
            "value": 0,
            "gas": 21_000,
            "maxFeePerGas": 100 * 10**9,
            "maxPriorityFeePerGas": 10**9,
        }
    )
    anvil.rpc("eth_sendRawTransaction", "0x" + signed.raw_transaction.hex())
