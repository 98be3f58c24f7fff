"""What transactions cost: gas, moving prices, caps, an empty account, a chain without EIP-1559."""

from typing import Any

import pytest
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address

from infernet_node.chain.fees import LOCAL
from infernet_node.chain.journal import Intent, State
from infernet_node.chain.rpc import Rpc
from infernet_node.chain.rpc_errors import RevertError
from test.node.chain.lane import (
    RECIPIENT,
    REVERTS,
    OpenLane,
    mined_transactions,
    payment,
    received,
    settle,
)
from test.node.chain.world import NODE, Chain, Node, Pipeline
from test.support.anvil import Anvil


async def test_gas_is_the_estimate_and_a_tenth(anvil: Anvil, open_lane: OpenLane) -> None:
    lane = open_lane()
    await lane.start()

    entry = await lane.submit(payment())

    assert entry.gas == 21_000 * 110 // 100


async def test_w_31_gas_over_the_cap_is_refused_before_anything_is_signed(
    anvil: Anvil, open_lane: OpenLane
) -> None:
    anvil.rpc("anvil_setCode", REVERTS, "0x5b5f56")  # loops for ever
    lane = open_lane()
    await lane.start()

    with pytest.raises(RevertError, match=r"(?i)gas"):
        await lane.submit(Intent("pay", REVERTS))


async def test_w_35_a_stuck_transaction_is_priced_higher_until_it_is_mined(
    anvil: Anvil, account: LocalAccount, open_lane: OpenLane
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


async def test_a_price_above_the_cap_is_waited_out(anvil: Anvil, open_lane: OpenLane) -> None:
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
    anvil: Anvil, account: LocalAccount, open_lane: OpenLane
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


async def test_w_38_an_account_without_money_says_so_and_carries_on_when_it_has_some(
    anvil: Anvil, account: LocalAccount, open_lane: OpenLane
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


async def test_a_chain_without_base_fee_gets_legacy_transactions(
    anvil: Anvil, open_lane: OpenLane, monkeypatch: pytest.MonkeyPatch
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


async def test_no_price_of_a_node_is_above_its_setting(
    chain: Chain, database_url: str, pipeline: Pipeline
) -> None:
    node = Node(chain, database_url, pipeline, wallet={"max_fee_gwei": 1.5})
    await node.start()
    chain.anvil.rpc("anvil_setNextBlockBaseFeePerGas", hex(10**9))
    subscription_id = chain.ask("at what price?")

    def answered() -> bool:
        chain.anvil.rpc("anvil_setNextBlockBaseFeePerGas", hex(10**9))
        return chain.deliveries(subscription_id) == 1

    await node.until(answered)

    await node.stop()
    (prices,) = {
        (int(sent["maxFeePerGas"], 16), int(sent["maxPriorityFeePerGas"], 16))
        for number in range(chain.anvil.number + 1)
        for sent in chain.anvil.rpc("eth_getBlockByNumber", hex(number), True)["transactions"]
        if to_checksum_address(sent["from"]) == NODE
    }
    assert prices[0] == 1_500_000_000
    assert prices[1] <= prices[0]
