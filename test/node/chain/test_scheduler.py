"""The heap of due times against the arithmetic of the contract."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from infernet_node.chain.scheduler import Due, Over, Scheduler
from infernet_protocol.subscription import ZERO_ADDRESS, Subscription


def subscription(active_at: int = 100, period: int = 10, frequency: int = 3) -> Subscription:
    return Subscription(
        owner="0x" + "11" * 20,
        active_at=active_at,
        period=period,
        frequency=frequency,
        redundancy=1,
        container_id=bytes(32),
        lazy=False,
        verifier=ZERO_ADDRESS,
        payment_amount=0,
        payment_token=ZERO_ADDRESS,
        wallet=ZERO_ADDRESS,
    )


def scheduled(**fields: int) -> Scheduler[int]:
    scheduler: Scheduler[int] = Scheduler()
    scheduler.add(1, subscription(**fields))
    return scheduler


def test_nothing_is_due_before_the_subscription_is_active() -> None:
    assert scheduled().advance(99) == []


def test_a_callback_is_due_once() -> None:
    scheduler = scheduled(period=0, frequency=1)

    assert scheduler.advance(100) == [Due(1, 1, subscription(period=0, frequency=1))]
    assert scheduler.advance(10**9) == []
    assert len(scheduler) == 0


def test_intervals_are_due_at_their_first_second_and_end_after_the_last() -> None:
    scheduler = scheduled()

    events = [(now, event) for now in range(99, 140) for event in scheduler.advance(now)]

    terms = subscription()
    assert events == [
        (100, Due(1, 1, terms)),
        (110, Due(1, 2, terms)),
        (120, Due(1, 3, terms)),
        (130, Over(1)),
    ]


def test_intervals_that_passed_unseen_are_lost() -> None:
    scheduler = scheduled()

    assert scheduler.advance(125) == [Due(1, 3, subscription())]
    assert scheduler.next_time == 130


def test_a_subscription_that_is_over_already_is_reported_over() -> None:
    assert scheduled().advance(130) == [Over(1)]


def test_a_frequency_of_zero_is_over_at_once() -> None:
    assert scheduled(period=0, frequency=0).advance(100) == [Over(1)]


def test_what_was_removed_is_never_due() -> None:
    scheduler = scheduled()
    scheduler.remove(1)

    assert scheduler.advance(10**9) == []
    assert scheduler.next_time is None


def test_adding_again_replaces() -> None:
    scheduler = scheduled()
    scheduler.add(1, subscription(active_at=200))

    assert scheduler.advance(199) == []
    assert scheduler.advance(200) == [Due(1, 1, subscription(active_at=200))]


terms = st.fixed_dictionaries(
    {
        "active_at": st.integers(0, 60),
        "period": st.integers(0, 12),
        "frequency": st.integers(0, 5),
    }
)


@given(
    st.dictionaries(st.integers(0, 5), terms, max_size=6),
    st.lists(st.integers(1, 15), min_size=1, max_size=30),
)
def test_every_interval_that_is_looked_at_is_due_exactly_once(
    plan: dict[int, dict[str, int]], steps: list[int]
) -> None:
    scheduler: Scheduler[int] = Scheduler()
    subscriptions = {key: subscription(**fields) for key, fields in plan.items()}
    for key, value in subscriptions.items():
        scheduler.add(key, value)
    expected: set[tuple[int, int]] = set()
    seen: list[Any] = []
    now = 0
    for step in steps:
        now += step
        seen += [(e.key, e.interval) for e in scheduler.advance(now) if isinstance(e, Due)]
        expected |= {
            (key, value.interval(now))
            for key, value in subscriptions.items()
            if value.is_active(now) and value.interval(now) <= value.frequency
        }
    assert sorted(seen) == sorted(expected)
