"""Consumers that mean harm: they get no answer, and everybody else gets theirs."""

import pytest

from test.node.chain.hostile import CODES, ask_as
from test.node.chain.world import NODE, Chain, Node


@pytest.mark.parametrize("code", CODES.values(), ids=CODES.keys())
async def test_others_are_answered_beside_it(chain: Chain, node: Node, code: str) -> None:
    ask_as(chain, code)
    good = chain.ask("and me?")

    await node.until(lambda: chain.deliveries(good) == 1)

    assert chain.answer(good) == "echo: and me?"
    assert chain.reverted() == 0
    # It gets a transaction only if that would succeed.
    assert chain.nonce_of(NODE) == chain.deliveries()
