"""Which intervals of a subscription were answered, which were missed."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from web3.contract import Contract
from web3.types import EventData

from infernet_protocol.subscription import Subscription
from scripts.errors import ScriptError
from scripts.views.tail import Tail, topic


@dataclass(frozen=True, slots=True)
class Answered:
    """A node answered an interval."""

    interval: int
    node: str
    answer: str
    transaction: str
    block: int

    @classmethod
    def of(cls, event: EventData) -> "Answered":
        args = event["args"]
        return cls(
            args["interval"],
            args["node"],
            args["answer"],
            event["transactionHash"].to_0x_hex(),
            event["blockNumber"],
        )


@dataclass(frozen=True, slots=True)
class Missed:
    """An interval went by without an answer."""

    interval: int


class Progress:
    """Follows the intervals of one subscription; pure but for what it remembers."""

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription
        self._intervals = 1 if subscription.is_callback else subscription.frequency
        self._answers: Counter[int] = Counter()
        self._ended = 0
        """Intervals that were over when last looked at."""

    def take(self, answers: Iterable[Answered], now: int) -> Iterator[Answered | Missed]:
        """Yields the answers, then the intervals that went by without one.

        Args:
            answers: new ones, from blocks up to the one of ``now``.
            now: chain time, UNIX seconds.
        """
        for answer in answers:
            self._answers[answer.interval] += 1
            yield answer
        before, self._ended = self._ended, max(self._ended, self._over_by(now))
        for interval in range(before + 1, self._ended + 1):
            if not self._answers[interval]:
                yield Missed(interval)

    def _over_by(self, now: int) -> int:
        if self._subscription.is_callback or not self._subscription.is_active(now):
            return 0
        return min(self._subscription.interval(now) - 1, self._intervals)

    @property
    def unanswered(self) -> list[int]:
        return [n for n in range(1, self._intervals + 1) if not self._answers[n]]

    @property
    def finished(self) -> bool:
        """Whether no further answer can come."""
        full = self._subscription.redundancy
        return self._ended >= self._intervals or all(
            self._answers[n] >= full for n in range(self._ended + 1, self._intervals + 1)
        )


@dataclass(frozen=True, slots=True)
class Followed:
    """A subscription on the chain and what tells about it."""

    id: int
    coordinator: Contract
    consumer: Contract
    """Has the event ``AnswerReceived(subscriptionId, interval, node, answer)``."""
    since: int
    """Block of its creation."""

    def read(self) -> Subscription:
        return Subscription.from_abi(self.coordinator.functions.getSubscription(self.id).call())

    def follow(self, timeout: float, poll_seconds: float) -> Iterator[Answered | Missed]:
        """Yields what happens until no answer can come any more.

        Args:
            timeout: seconds to wait at most.
            poll_seconds: seconds between two looks.

        Raises:
            ScriptError: if it is cancelled meanwhile, the time is up, or at the end an
                interval has no answer.
        """
        deadline = time.monotonic() + timeout
        progress = Progress(self.read())
        tail = Tail(self.consumer, ["AnswerReceived"], self.since, [topic(self.id)])
        while True:
            # Read before the logs, so that an interval is not called missed too early.
            now = self.coordinator.w3.eth.get_block("latest")["timestamp"]
            yield from progress.take(map(Answered.of, tail.poll()), now)
            if progress.finished:
                break
            if self.read().cancelled:
                raise ScriptError(f"subscription {self.id} was cancelled")
            if time.monotonic() >= deadline:
                raise ScriptError(_nobody(self.id, progress.unanswered, f" within {timeout:g} s"))
            time.sleep(poll_seconds)
        if progress.unanswered:
            raise ScriptError(_nobody(self.id, progress.unanswered, ""))


GRACE = 60
"""Seconds beyond the last interval: an endpoint may lag behind the chain."""


def default_timeout(subscription: Subscription, now: int) -> float:
    """Returns how many seconds after ``now`` (chain time) waiting makes no sense any more."""
    if subscription.is_callback:
        return GRACE
    return max(0, subscription.interval_start(subscription.frequency + 1) - now) + GRACE


def _nobody(subscription_id: int, intervals: list[int], within: str) -> str:
    which = f"interval{'s' * (len(intervals) > 1)} {', '.join(map(str, intervals))}"
    return (
        f"nobody answered {which} of subscription {subscription_id}{within}: is a node running "
        "that serves this consumer's container, and has its account funds for gas?"
    )
