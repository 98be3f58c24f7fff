"""The schedule of retries, as numbers, and the loop that follows it."""

import itertools
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tgi_service.errors import InfernetMLException, TgiGenerationError, TgiOverloadedError
from tgi_service.retries import RetryPolicy, retry

NO_JITTER = (0.0, 0.0)


def first_waits(policy: RetryPolicy, count: int = 6, seed: int = 0) -> list[float]:
    return list(itertools.islice(policy.waits(random.Random(seed)), count))


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (RetryPolicy(jitter=NO_JITTER), [3, 6, 10, 10, 10, 10]),
        (RetryPolicy(jitter=NO_JITTER, max_delay=None), [3, 6, 12, 24, 48, 96]),
        (RetryPolicy(jitter=(1, 1), max_delay=None), [3, 7, 15, 31, 63, 127]),
        (RetryPolicy(jitter=NO_JITTER, backoff=1), [3, 3, 3, 3, 3, 3]),
        (RetryPolicy(jitter=NO_JITTER, delay=30), [30, 10, 10, 10, 10, 10]),
        (RetryPolicy(jitter=NO_JITTER, backoff=0.5, delay=8), [8, 4, 2, 1, 0.5, 0.25]),
        (RetryPolicy(jitter=(-9, -9), delay=1), [1, 0, 0, 0, 0, 0]),
        (RetryPolicy(jitter=NO_JITTER, delay=0), [0, 0, 0, 0, 0, 0]),
    ],
)
def test_waits_follow_the_formula(policy: RetryPolicy, expected: list[float]) -> None:
    assert first_waits(policy) == expected


@given(seed=st.integers())
def test_default_waits_lie_in_their_bounds(seed: int) -> None:
    first, second, *others = first_waits(RetryPolicy(), seed=seed)

    assert first == 3
    assert 6.5 <= second <= 7.5
    assert others == [10, 10, 10, 10]


def test_second_wait_differs_from_run_to_run() -> None:
    assert len({first_waits(RetryPolicy(), seed=seed)[1] for seed in range(20)}) == 20


class Attempts:
    """Fails a number of times, then answers."""

    def __init__(self, failures: int, error: Callable[[], InfernetMLException]) -> None:
        self.made = 0
        self._failures = failures
        self._error = error

    def __call__(self) -> str:
        self.made += 1
        if self.made <= self._failures:
            raise self._error()
        return "answer"


def run(
    attempts: Attempts, policy: RetryPolicy, *, sleeps: Callable[[float], bool] = lambda _: True
) -> tuple[list[float], list[int]]:
    """Runs the loop; returns the waits and the attempts it reports before them."""
    waits: list[float] = []
    reported: list[int] = []

    def pause(seconds: float) -> bool:
        waits.append(seconds)
        return sleeps(seconds)

    retry(
        attempts,
        policy,
        pause=pause,
        on_retry=lambda error, number, wait: reported.append(number),
        source=random.Random(0),
    )
    return waits, reported


def overloaded() -> InfernetMLException:
    return TgiOverloadedError("Model is overloaded")


@pytest.mark.parametrize("tries", [1, 2, 3, 7])
def test_tries_counts_attempts_in_all(tries: int) -> None:
    attempts = Attempts(100, overloaded)

    with pytest.raises(TgiOverloadedError):
        run(attempts, RetryPolicy(tries=tries))

    assert attempts.made == tries


def test_success_ends_the_loop() -> None:
    attempts = Attempts(2, overloaded)

    waits, reported = run(attempts, RetryPolicy(jitter=NO_JITTER))

    assert attempts.made == 3
    assert waits == [3, 6]
    assert reported == [1, 2]


def test_there_is_no_wait_after_the_last_failure() -> None:
    waits = []

    def pause(seconds: float) -> bool:
        waits.append(seconds)
        return True

    with pytest.raises(TgiOverloadedError) as caught:
        retry(
            Attempts(9, overloaded),
            RetryPolicy(jitter=NO_JITTER),
            pause=pause,
            on_retry=lambda *_: None,
            source=random.Random(0),
        )

    assert waits == [3, 6]
    assert caught.value.retry_after == 10


@pytest.mark.parametrize("tries", [-1, -7])
def test_negative_tries_never_give_up(tries: int) -> None:
    attempts = Attempts(50, overloaded)

    run(attempts, RetryPolicy(tries=tries))

    assert attempts.made == 51


def test_other_errors_are_raised_at_once() -> None:
    attempts = Attempts(9, lambda: TgiGenerationError("out of memory"))

    with pytest.raises(TgiGenerationError) as caught:
        run(attempts, RetryPolicy())

    assert attempts.made == 1
    assert caught.value.retry_after is None


def test_a_wait_that_is_cut_short_ends_the_loop() -> None:
    attempts = Attempts(9, overloaded)

    with pytest.raises(TgiOverloadedError) as caught:
        run(attempts, RetryPolicy(tries=-1), sleeps=lambda _: False)

    assert attempts.made == 1
    assert caught.value.retry_after == 3
