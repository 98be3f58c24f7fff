"""When to ask again: the schedule as a pure function, and the loop that follows it."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from tgi_service.errors import InfernetMLException

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often to try, and how long to wait in between.

    Attributes:
        tries: attempts in all, the first included; negative for no limit.
        delay: seconds before the second attempt, exactly.
        max_delay: greatest later wait in seconds; ``None`` for no limit.
        backoff: factor from one wait to the next.
        jitter: bounds in seconds of what is added to each later wait, drawn uniformly.
    """

    tries: int = 3
    delay: float = 3.0
    max_delay: float | None = 10.0
    backoff: float = 2.0
    jitter: tuple[float, float] = (0.5, 1.5)

    def waits(self, source: random.Random) -> Iterator[float]:
        """Yields, without end, the seconds to wait after each failed attempt."""
        wait = self.delay
        while True:
            yield wait
            wait = max(0.0, wait * self.backoff + source.uniform(*self.jitter))
            if self.max_delay is not None:
                wait = min(wait, self.max_delay)


def retry(
    attempt: Callable[[], Answer],
    policy: RetryPolicy,
    *,
    pause: Callable[[float], bool],
    on_retry: Callable[[InfernetMLException, int, float], None],
    source: random.Random,
) -> Answer:
    """Calls ``attempt`` until it succeeds, fails for good, or the policy is exhausted.

    Args:
        pause: waits some seconds; false if the wait was not begun, or cut short.
        on_retry: told the error, the number of the failed attempt from 1, and the wait.
        source: where jitter is drawn from.

    Raises:
        InfernetMLException: of the last attempt. If another attempt could have succeeded, its
            ``retry_after`` is the wait that would have come next.
    """
    waits = policy.waits(source)
    number = 0
    while True:
        number += 1
        try:
            return attempt()
        except InfernetMLException as error:
            if not error.retryable:
                raise
            error.retry_after = wait = next(waits)
            if number == policy.tries:
                raise
            on_retry(error, number, wait)
            if not pause(wait):
                raise
