"""A leaky bucket for each route and client (generic cell rate algorithm)."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from infernet_node.config import RateLimitConfig

_MOST_CLIENTS = 100_000
# Far below the time between two requests, and far above what adding up floats loses.
_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a request may pass, and what its headers say."""

    allowed: bool
    limit: int
    remaining: int
    reset: float
    """Seconds until the full burst is available again."""
    retry_after: float
    """Seconds until the next request may pass; 0 if this one may."""

    @property
    def headers(self) -> dict[str, str]:
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(math.ceil(self.reset - _TOLERANCE)),
        }


class RateLimiter:
    """Lets ``num_requests`` pass at once, then one every ``period / num_requests`` seconds.

    Args:
        clock: seconds, never going back.
    """

    def __init__(
        self, config: RateLimitConfig, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = config.num_requests
        self._period = float(config.period)
        self._interval = config.period / config.num_requests
        self._clock = clock
        # Per client: when its bucket will be empty. The longest unused entries come first.
        self._empty_at: OrderedDict[Hashable, float] = OrderedDict()

    def take(self, client: Hashable) -> Decision:
        """Counts one request, unless it is one too many."""
        now = self._clock()
        empty_at = max(self._empty_at.get(client, now), now) + self._interval
        wait = empty_at - self._period - now
        if wait > _TOLERANCE:
            return Decision(False, self._limit, 0, empty_at - self._interval - now, wait)
        self._empty_at[client] = empty_at
        self._empty_at.move_to_end(client)
        if len(self._empty_at) > _MOST_CLIENTS:
            self._empty_at.popitem(last=False)
        remaining = int((self._period - (empty_at - now) + _TOLERANCE) / self._interval)
        return Decision(True, self._limit, remaining, empty_at - now, 0.0)
