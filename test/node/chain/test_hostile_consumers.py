"""Consumers that mean harm: they get no answer, and everybody else gets theirs."""

import pytest

from test.node.chain.world import NODE, Chain, Node

ADDRESS = "0x" + "66" * 20
CODES = {
    "burns all gas": "5b600056",
    "reverts with a megabyte": "62100000" + "6000" + "fd",
    "returns a megabyte": "62100000" + "6000" + "f3",
    "is invalid": "fe",
    "destroys itself": "6000ff",
}


def hostile(chain: Chain, code: str) -> int:
    """Asks as an account that becomes a contract; returns the subscription's id."""
    chain.anvil.rpc("anvil_impersonateAccount", ADDRESS)
    chain.anvil.rpc("anvil_setBalance", ADDRESS, hex(10**18))
    subscription_id = chain.subscribe_as(ADDRESS)
    chain.anvil.rpc("anvil_setCode", ADDRESS, "0x" + code)
    return subscription_id


@pytest.mark.parametrize("code", CODES.values(), ids=CODES.keys())
async def test_others_are_answered_beside_it(chain: Chain, node: Node, code: str) -> None:
    # Before the node sees the request the account is what it is going to be.
    await node.stop()
    hostile(chain, code)
    await node.start()
    good = chain.ask("and me?")

    await node.until(lambda: chain.deliveries(good) == 1)

    assert chain.answer(good) == "echo: and me?"
    assert chain.reverted() == 0
    # It gets a transaction only if that would succeed.
    assert chain.nonce_of(NODE) == chain.deliveries()
