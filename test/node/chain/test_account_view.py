"""The chain as one account sees it, read from a chain in memory."""

from collections.abc import Sequence
from typing import Any

import pytest

from infernet_node.chain.account_view import AccountView
from infernet_node.chain.fees import LOCAL, Fees
from infernet_node.chain.requests import Request
from infernet_node.chain.rpc_errors import RefusedError, RpcError, TransportError
from test.node.chain.model_chain import GWEI, TIP, TRANSFER_GAS, ModelChain, ModelRpc, Process

ACCOUNT = "0x" + "42" * 20


class CountingRpc(ModelRpc):
    """Remembers what was asked, and refuses some of it."""

    def __init__(self, chain: ModelChain, refuses: str = "") -> None:
        super().__init__(chain, Process())
        self.asked: list[list[str]] = []
        self.refuses = refuses

    async def batch(self, requests: Sequence[Request]) -> list[Any]:
        self.asked.append([request.method for request in requests])
        results = await super().batch(requests)
        return [
            RefusedError(-32601, "no such method") if request.method == self.refuses else result
            for request, result in zip(requests, results, strict=True)
        ]


def view(rpc: ModelRpc) -> AccountView:
    return AccountView(rpc, ACCOUNT, LOCAL)


async def test_one_request_tells_everything_while_nothing_is_mined() -> None:
    chain = ModelChain(balance=17)
    rpc = CountingRpc(chain)
    account = view(rpc)

    seen = await account.look([(0, "0x01")])

    assert (seen.head.number, seen.next_nonce, seen.pending_nonce, seen.balance) == (0, 0, 0, 17)
    assert seen.quote == Fees(TIP + 2 * GWEI, TIP)
    assert (seen.transfer_gas, seen.receipts) == (TRANSFER_GAS, {})
    await account.look([])
    # What a transfer costs in gas does not change.
    assert [batch.count("eth_estimateGas") for batch in rpc.asked if batch] == [1, 0]


async def test_receipts_are_asked_for_once_the_nonce_is_used() -> None:
    chain = ModelChain()
    chain.send_elsewhere(mine=True)
    chain.send_elsewhere(mine=False)
    (mined,) = chain.mined()

    seen = await view(CountingRpc(chain)).look([(0, mined.hash), (0, "0x02"), (1, "0x03")])

    assert (seen.next_nonce, seen.pending_nonce) == (1, 2)
    assert list(seen.receipts) == [mined.hash]
    assert seen.receipts[mined.hash].block_number == 1


async def test_without_a_base_fee_the_price_is_the_endpoints() -> None:
    seen = await view(CountingRpc(ModelChain(has_base_fee=False))).look([])

    assert seen.quote == Fees(TIP, None)


async def test_a_chain_that_suggests_no_tip_pays_what_is_above_the_base_fee() -> None:
    seen = await view(CountingRpc(ModelChain(), refuses="eth_maxPriorityFeePerGas")).look([])

    assert seen.quote == Fees(TIP + 2 * GWEI, TIP)


@pytest.mark.parametrize(
    "method",
    ["eth_getBlockByNumber", "eth_getTransactionCount", "eth_getBalance", "eth_estimateGas"],
)
async def test_without_the_rest_there_is_no_look(method: str) -> None:
    with pytest.raises(RpcError):
        await view(CountingRpc(ModelChain(), refuses=method)).look([])


async def test_an_endpoint_without_the_block_has_no_answer() -> None:
    class Behind(CountingRpc):
        async def batch(self, requests: Sequence[Request]) -> list[Any]:
            return [None, *(await super().batch(requests))[1:]]

    with pytest.raises(TransportError, match="does not know the block"):
        await view(Behind(ModelChain())).look([])
