"""The chain as one account sees it, in one HTTP request, or two when something was mined."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from infernet_node.chain.fees import Policy, quote
from infernet_node.chain.header import Header
from infernet_node.chain.lifecycle import Observation, Receipt
from infernet_node.chain.requests import Request
from infernet_node.chain.rpc import Rpc
from infernet_node.chain.rpc_errors import RpcError, or_raise
from infernet_node.chain.values import quantity

LATEST = "latest"


@dataclass
class AccountView:
    """Looks at an account's nonces, at prices and at receipts."""

    rpc: Rpc
    address: str
    policy: Policy
    _transfer_gas: int = field(init=False, default=0)

    async def look(self, signed: Sequence[tuple[int, str]]) -> Observation:
        """Returns what the chain shows at its latest block.

        Args:
            signed: nonces and hashes of transactions whose receipts are wanted. Those whose
                nonce is not used yet have none, and are not asked for.

        Raises:
            RpcError: the chain could not be asked.
        """
        requests = [
            Request("eth_getBlockByNumber", (LATEST, False)),
            Request("eth_getTransactionCount", (self.address, LATEST)),
            Request("eth_getTransactionCount", (self.address, "pending")),
            Request("eth_gasPrice"),
            Request("eth_maxPriorityFeePerGas"),
            Request("eth_getBalance", (self.address, LATEST)),
        ]
        asks_for_gas = not self._transfer_gas
        if asks_for_gas:
            # Not 21,000 everywhere: some rollups charge for the data they post in gas.
            transfer = {"from": self.address, "to": self.address}
            requests.append(Request("eth_estimateGas", (transfer, LATEST)))
        block, mined, pending, price, tip, balance, *gas = await self.rpc.batch(requests)
        if asks_for_gas:
            self._transfer_gas = quantity(gas[0])
        head = Header.from_rpc(or_raise(block))
        next_nonce = quantity(mined)
        suggested = _suggested_price(head.base_fee, price, tip)
        return Observation(
            head=head,
            next_nonce=next_nonce,
            pending_nonce=max(next_nonce, quantity(pending)),
            quote=quote(head.base_fee, suggested, self.policy),
            transfer_gas=self._transfer_gas,
            balance=quantity(balance),
            receipts=await self._receipts([hash_ for nonce, hash_ in signed if nonce < next_nonce]),
        )

    async def _receipts(self, hashes: Sequence[str]) -> dict[str, Receipt]:
        requests = [Request("eth_getTransactionReceipt", (hash_,)) for hash_ in hashes]
        answers = await self.rpc.batch(requests)
        receipts = [Receipt.from_rpc(or_raise(item)) for item in answers]
        return {receipt.hash: receipt for receipt in receipts if receipt}


def _suggested_price(base_fee: int | None, price: Any, tip: Any) -> int:
    if base_fee is None:
        return quantity(price)
    if isinstance(tip, RpcError):  # a chain may know EIP-1559 and not this method
        return max(quantity(price) - base_fee, 0)
    return quantity(tip)
