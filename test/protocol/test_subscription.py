"""The time line, as the Coordinator computes it."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infernet_protocol.hashing import UINT32_MAX
from infernet_protocol.subscription import ZERO_ADDRESS, Subscription

RECURRING = Subscription(
    owner="0x" + "11" * 20,
    active_at=1000,
    period=60,
    frequency=3,
    redundancy=1,
    container_id=b"\1" * 32,
    lazy=False,
    verifier=ZERO_ADDRESS,
    payment_amount=0,
    payment_token=ZERO_ADDRESS,
    wallet=ZERO_ADDRESS,
)
CALLBACK = dataclasses.replace(RECURRING, period=0, frequency=1)


@pytest.mark.parametrize(
    ("now", "interval"), [(1000, 1), (1059, 1), (1060, 2), (1119, 2), (1120, 3), (1180, 4)]
)
def test_an_interval_ends_where_the_next_begins(now: int, interval: int) -> None:
    assert RECURRING.interval(now) == interval


@given(st.integers(1, 10_000))
def test_interval_start_is_the_first_second_of_the_interval(interval: int) -> None:
    start = RECURRING.interval_start(interval)
    assert RECURRING.interval(start) == interval
    if interval > 1:
        assert RECURRING.interval(start - 1) == interval - 1


def test_a_callback_stays_in_its_only_interval() -> None:
    assert CALLBACK.interval(UINT32_MAX) == 1
    assert not CALLBACK.is_over(UINT32_MAX)


def test_there_is_no_interval_before_activity() -> None:
    assert not RECURRING.is_active(999)
    with pytest.raises(ValueError, match="not active at 999: active_at is 1000"):
        RECURRING.interval(999)


@pytest.mark.parametrize(("now", "over"), [(999, False), (1179, False), (1180, True)])
def test_over_after_the_last_interval(now: int, over: bool) -> None:
    assert RECURRING.is_over(now) is over


def test_a_cancelled_subscription_is_over_even_at_the_last_second_of_time() -> None:
    cancelled = dataclasses.replace(RECURRING, active_at=UINT32_MAX)
    assert cancelled.cancelled
    assert cancelled.is_over(UINT32_MAX)
    assert not cancelled.is_active(UINT32_MAX)


def test_abi_round_trip_checksums_addresses() -> None:
    values = list(RECURRING.to_abi())
    values[0] = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"
    subscription = Subscription.from_abi(values)
    assert subscription.owner == "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
    assert subscription.to_abi()[1:] == RECURRING.to_abi()[1:]


def test_an_unknown_id_reads_as_no_subscription() -> None:
    zeros = (
        ZERO_ADDRESS,
        0,
        0,
        0,
        0,
        b"\0" * 32,
        False,
        ZERO_ADDRESS,
        0,
        ZERO_ADDRESS,
        ZERO_ADDRESS,
    )
    assert not Subscription.from_abi(zeros).exists
    assert RECURRING.exists


def test_a_tuple_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="11 fields, not 2"):
        Subscription.from_abi((ZERO_ADDRESS, 0))
