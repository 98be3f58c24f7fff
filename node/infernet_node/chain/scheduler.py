"""When each interval of each subscription is due, in chain time. Pure."""

import heapq
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from infernet_protocol.subscription import Subscription

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Due(Generic[K]):
    """An interval that has begun and can be answered now."""

    key: K
    interval: int
    subscription: Subscription


@dataclass(frozen=True, slots=True)
class Over(Generic[K]):
    """A subscription whose last interval has passed."""

    key: K


@dataclass(slots=True)
class _Planned:
    subscription: Subscription
    ticket: int


class Scheduler(Generic[K]):
    """A heap of the moments at which something becomes due.

    An idle subscription costs nothing until its moment comes. Each interval is handed out at
    most once; intervals that passed while nobody asked are lost, as they are on chain.
    """

    def __init__(self) -> None:
        self._planned: dict[K, _Planned] = {}
        self._heap: list[tuple[int, int, K]] = []
        self._tickets = 0

    def __len__(self) -> int:
        return len(self._planned)

    def __contains__(self, key: K) -> bool:
        return key in self._planned

    @property
    def next_time(self) -> int | None:
        """Chain time (UNIX seconds) of the next event, ``None`` if nothing is planned."""
        self._discard_stale()
        return self._heap[0][0] if self._heap else None

    def add(self, key: K, subscription: Subscription) -> None:
        """Plans a subscription from its first moment on, replacing what was planned."""
        self._plan(key, subscription, subscription.active_at)

    def remove(self, key: K) -> None:
        """Forgets a subscription; an unknown one is no error."""
        self._planned.pop(key, None)

    def advance(self, now: int) -> list[Due[K] | Over[K]]:
        """Returns everything that has come due by ``now`` (UNIX seconds of the block)."""
        events: list[Due[K] | Over[K]] = []
        while (moment := self.next_time) is not None and moment <= now:
            _, _, key = heapq.heappop(self._heap)
            subscription = self._planned[key].subscription
            if subscription.is_over(now):
                self.remove(key)
                events.append(Over(key))
                continue
            interval = subscription.interval(now)
            events.append(Due(key, interval, subscription))
            if subscription.is_callback:
                self.remove(key)
            else:
                self._plan(key, subscription, subscription.interval_start(interval + 1))
        return events

    def _plan(self, key: K, subscription: Subscription, moment: int) -> None:
        self._tickets += 1
        self._planned[key] = _Planned(subscription, self._tickets)
        heapq.heappush(self._heap, (moment, self._tickets, key))

    def _discard_stale(self) -> None:
        while self._heap:
            _, ticket, key = self._heap[0]
            planned = self._planned.get(key)
            if planned is not None and planned.ticket == ticket:
                return
            heapq.heappop(self._heap)
