"""Consumers that mean harm, whatever is called of them."""

from infernet_node.chain.contracts import Function
from infernet_protocol.subscription import ZERO_ADDRESS
from test.node.chain.world import CONTAINER, REQUESTER, Chain

CODES = {
    "burns all gas": "5b600056",
    "reverts": "60006000fd",
    "reverts with a megabyte": "62100000" + "6000" + "fd",
    "returns a megabyte": "62100000" + "6000" + "f3",
    "is invalid": "fe",
    "destroys itself": "6000ff",
}
"""Runtime code by what it does."""

_SUBSCRIBE = Function(
    "createSubscription",
    (
        *("string", "uint32", "uint32", "uint16", "bool"),
        *("address", "uint256", "address", "address"),
    ),
)
_TERMS = (CONTAINER, 1, 0, 1, False, ZERO_ADDRESS, 0, ZERO_ADDRESS, ZERO_ADDRESS)
_PROLOGUE = 52
"""Bytes before the constructor's data."""


def ask_as(chain: Chain, code: str) -> int:
    """Creates a contract that asks for one answer as it comes into being; returns the id.

    Nobody ever sees the request without the code behind it.
    """
    data, runtime = _SUBSCRIBE.encode(*_TERMS), bytes.fromhex(code)
    coordinator = chain.contracts["EIP712Coordinator"][2:]
    creation = bytes.fromhex(
        # mem[0:] = data; coordinator.call(mem[0:])
        f"61{len(data):04x}61{_PROLOGUE:04x}5f39"
        f"5f5f61{len(data):04x}5f5f73{coordinator}5af150"
        # mem[0:] = runtime; return it
        f"61{len(runtime):04x}61{_PROLOGUE + len(data):04x}5f39"
        f"61{len(runtime):04x}5ff3"
    )
    assert len(creation) == _PROLOGUE
    transaction = {
        "from": REQUESTER,
        "data": "0x" + (creation + data + runtime).hex(),
        "gas": hex(1_000_000),
    }
    expected = chain.next_id
    chain.anvil.rpc("eth_sendTransaction", transaction)
    chain.anvil.mine()
    assert chain.next_id > expected, "its request was not created"
    return expected
