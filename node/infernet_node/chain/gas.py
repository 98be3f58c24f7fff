"""How much gas a transaction gets."""

from infernet_node.chain.journal import Intent
from infernet_node.chain.requests import Request
from infernet_node.chain.rpc import Rpc
from infernet_node.chain.rpc_errors import or_raise

MARGIN_PERCENT = 10
"""On top of the estimate: state may change before the transaction is mined."""


async def estimate_gas(rpc: Rpc, sender: str, intent: Intent, cap: int) -> int:
    """Simulates a transaction and returns its gas limit.

    Args:
        cap: no transaction gets more; it also bounds what a hostile callee can make the
            endpoint do.

    Raises:
        RevertError: it would fail, for want of gas too.
        TransportError, RefusedError: the chain could not be asked.
    """
    call = {
        "from": sender,
        "to": intent.to,
        "data": "0x" + intent.data.hex(),
        "value": hex(intent.value),
        "gas": hex(cap),
    }
    (estimate,) = await rpc.shared([Request("eth_estimateGas", (call, "latest"))])
    return min(int(or_raise(estimate), 16) * (100 + MARGIN_PERCENT) // 100, cap)
