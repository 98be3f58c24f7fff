"""Can the requester pay, and can this node be paid? Case by case."""

from typing import Any

import pytest

from infernet_node.chain.decisions import Action
from infernet_node.chain.payments import Payments
from infernet_node.chain.rpc_errors import RevertError, TransportError
from infernet_protocol.subscription import ZERO_ADDRESS, Subscription
from test.node.chain.rows import subscription

FACTORY = "0x" + "fa" * 20
OWN = "0x" + "a1" * 20
WALLET = "0x" + "b2" * 20
TOKEN = "0x" + "c3" * 20
PAYMENTS = Payments(FACTORY, OWN)
PRICE = 1_000

YES, NO = f"0x{1:064x}", f"0x{0:064x}"
REVERT = RevertError("execution reverted")


def terms(amount: int = PRICE, token: str = TOKEN) -> Subscription:
    return subscription(payment_amount=amount, payment_token=token, wallet=WALLET)


def amount(value: int) -> str:
    return f"0x{value:064x}"


GOOD: list[Any] = [YES, YES, amount(PRICE), amount(PRICE)]


def test_a_free_answer_asks_nothing() -> None:
    assert PAYMENTS.requests(terms(amount=0)) == []
    assert PAYMENTS.judge(7, terms(amount=0), []) is None


@pytest.mark.parametrize("token", [TOKEN, ZERO_ADDRESS])
def test_both_wallets_balance_and_allowance_are_asked_for_in_one_batch(token: str) -> None:
    requests = PAYMENTS.requests(terms(token=token))

    to = [
        request.params[0] if token == ZERO_ADDRESS and n == 2 else request.params[0]["to"]
        for n, request in enumerate(requests)
    ]
    assert to == [FACTORY, FACTORY, WALLET if token == ZERO_ADDRESS else TOKEN, WALLET]


def test_enough_is_enough() -> None:
    assert PAYMENTS.judge(7, terms(), GOOD) is None


@pytest.mark.parametrize(
    ("place", "result", "action", "message"),
    [
        (0, NO, Action.BACK_OFF, "payment_address is no wallet"),
        (0, REVERT, Action.BACK_OFF, "payment_address is no wallet"),
        (1, NO, Action.DROP, "Invalid subscription wallet"),
        (1, REVERT, Action.DROP, "Invalid subscription wallet"),
        (2, amount(PRICE - 1), Action.BACK_OFF, "insufficient balance"),
        (2, "0x", Action.BACK_OFF, "insufficient balance"),
        (2, REVERT, Action.BACK_OFF, "insufficient balance"),
        (3, amount(PRICE - 1), Action.BACK_OFF, "insufficient allowance"),
        (3, REVERT, Action.BACK_OFF, "insufficient allowance"),
    ],
)
def test_what_is_missing_is_named(place: int, result: Any, action: Action, message: str) -> None:
    results = [*GOOD]
    results[place] = result

    found = PAYMENTS.judge(7, terms(), results)

    assert found is not None
    assert found.action is action
    assert message in found.message
    assert found.wallet == (OWN if place == 0 else WALLET)


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("result", [TransportError("no answer"), None, "latest", {}])
def test_what_could_not_be_asked_is_nobodys_fault(place: int, result: Any) -> None:
    results = [*GOOD]
    results[place] = result

    with pytest.raises(TransportError):
        PAYMENTS.judge(7, terms(), results)
