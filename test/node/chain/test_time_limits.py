"""Until when an answer is worth giving, and how often it is tried."""

import time
from itertools import islice

import pytest

from infernet_node.chain.fulfilments import Fulfilment
from infernet_node.chain.stages import Stage
from infernet_node.chain.time_limits import (
    CALLBACK_PATIENCE,
    deadline,
    is_out_of_time,
    is_over,
    pauses,
)
from infernet_protocol.subscription import Subscription
from test.node.chain.rows import subscription

RECURRING = subscription(active_at=1_000, period=60, frequency=10)
CALLBACK = subscription()


def row(terms: Subscription, interval: int = 1, age: int = 0) -> Fulfilment:
    return Fulfilment(
        id=1,
        subscription_id=7,
        delegation_id=None,
        interval=interval,
        subscription=terms,
        stage=Stage.DUE,
        reason=None,
        inputs=None,
        delivery=None,
        sends=0,
        reverts=0,
        transaction_hash=None,
        created_at=int(time.time()) - age,
    )


@pytest.mark.parametrize(
    ("interval", "now", "over"),
    [(1, 1_059, False), (1, 1_060, True), (3, 1_179, False), (3, 1_180, True)],
)
def test_an_interval_is_over_when_the_next_begins(interval: int, now: int, over: bool) -> None:
    assert deadline(row(RECURRING, interval)) == 1_000 + 60 * interval
    assert is_over(row(RECURRING, interval), now) is over


def test_a_callback_is_never_over() -> None:
    assert deadline(row(CALLBACK)) is None
    assert not is_over(row(CALLBACK), 2**40)


@pytest.mark.parametrize(
    ("terms", "age", "given_up"),
    [
        (RECURRING, 30, False),
        (RECURRING, 90, True),
        (CALLBACK, 90, False),
        (CALLBACK, CALLBACK_PATIENCE + 60, True),
    ],
)
def test_trying_ends_after_an_hour_or_a_period(
    terms: Subscription, age: int, given_up: bool
) -> None:
    assert is_out_of_time(row(terms, age=age)) is given_up


def test_pauses_grow_up_to_half_a_minute() -> None:
    assert list(islice(pauses(), 7)) == [1, 2, 4, 8, 16, 30, 30]
