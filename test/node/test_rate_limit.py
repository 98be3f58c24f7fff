"""The leaky bucket, by a clock that stands still unless told."""

from infernet_node.api.rate_limit import RateLimiter
from infernet_node.config import RateLimitConfig


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def limiter(clock: Clock, num_requests: int = 3, period: int = 30) -> RateLimiter:
    return RateLimiter(RateLimitConfig(num_requests=num_requests, period=period), clock)


def test_a_burst_of_the_whole_limit_passes_and_no_more() -> None:
    bucket = limiter(Clock())
    decisions = [bucket.take("a") for _ in range(4)]

    assert [decision.allowed for decision in decisions] == [True, True, True, False]
    assert [decision.remaining for decision in decisions] == [2, 1, 0, 0]
    assert [decision.headers["RateLimit-Reset"] for decision in decisions] == [
        "10",
        "20",
        "30",
        "30",
    ]
    assert decisions[3].retry_after == 10.0


def test_a_burst_of_awkward_fractions_passes_whole() -> None:
    bucket = limiter(Clock(), num_requests=70, period=9)
    assert all(bucket.take("a").allowed for _ in range(70))
    assert not bucket.take("a").allowed


def test_one_token_comes_back_per_interval() -> None:
    clock = Clock()
    bucket = limiter(clock)
    for _ in range(3):
        bucket.take("a")

    clock.now += 9.9
    assert not bucket.take("a").allowed
    clock.now += 0.1
    assert bucket.take("a").allowed
    assert not bucket.take("a").allowed


def test_refused_requests_do_not_prolong_the_wait() -> None:
    clock = Clock()
    bucket = limiter(clock)
    for _ in range(50):
        bucket.take("a")
    clock.now += 10
    assert bucket.take("a").allowed


def test_clients_do_not_share() -> None:
    bucket = limiter(Clock(), num_requests=1)
    assert bucket.take("a").allowed
    assert bucket.take("b").allowed
    assert not bucket.take("a").allowed


def test_w_02_the_table_is_bounded() -> None:
    bucket = limiter(Clock())
    for client in range(100_050):
        bucket.take(client)
    assert len(bucket._empty_at) == 100_000
