"""How much gas a transaction gets."""

from typing import Any

from infernet_node.chain.header import Header
from infernet_node.chain.journal import Intent
from infernet_node.chain.requests import Request
from infernet_node.chain.rpc import Rpc
from infernet_node.chain.rpc_errors import TransportError, or_raise
from infernet_node.chain.values import quantity

MARGIN_PERCENT = 10
"""On top of the estimate: state may change before the transaction is mined."""


async def estimate_gas(
    rpc: Rpc, sender: str, intent: Intent, cap: int, known: Header | None = None
) -> int:
    """Simulates a transaction and returns its gas limit.

    Args:
        cap: no transaction gets more; it also bounds what a hostile callee can make the
            endpoint do.
        known: block that has to be in the chain still, for what it says to count.

    Raises:
        RevertError: it would fail, for want of gas too.
        TransportError, RefusedError: the chain could not be asked, or is another one by now.
    """
    call = {
        "from": sender,
        "to": intent.to,
        "data": "0x" + intent.data.hex(),
        "value": hex(intent.value),
        "gas": hex(cap),
    }
    requests = [Request("eth_estimateGas", (call, "latest"))]
    if known is not None:
        requests.append(Request("eth_getBlockByNumber", (hex(known.number), False)))
    estimate, *block = await rpc.shared(requests)
    if known is not None:
        _require_unchanged(known, *block)
    return min(quantity(estimate) * (100 + MARGIN_PERCENT) // 100, cap)


def _require_unchanged(known: Header, block: Any) -> None:
    if Header.from_rpc(or_raise(block)).hash != known.hash:
        raise TransportError(f"block {known.number} is not the one that was read any more")
