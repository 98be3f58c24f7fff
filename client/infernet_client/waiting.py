"""Waiting for jobs without hammering the node, and without giving up while it restarts."""

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp

from infernet_client.error import APIError
from infernet_client.types import JobResult

DEADLINE = 180.0
"""Seconds that a node gives a container, and so the longest useful wait for a single one."""
POLL = 0.25
"""Seconds before the second look at a job."""
LONGEST_PAUSE = 2.0
"""Seconds; keeps a wait well below the 60 requests per 60 s that a node allows by default."""
_GROWTH = 1.5
_PASSING_STATUSES = frozenset({429, 502, 503, 504})


async def looks(
    look: Callable[[], Awaitable[JobResult | None]], count: int, pause: float
) -> JobResult | None:
    """Looks at a job ``count`` times, ``pause`` seconds apart, until it does not run any more.

    Returns:
        The result, failed ones included, or ``None`` at once when there is no such job.

    Raises:
        TimeoutError: if it is still running at the last look.
    """
    for number in range(count):
        if number:
            await asyncio.sleep(pause)
        result = await look()
        if result is None or result["status"] != "running":
            return result
    raise TimeoutError(f"Job result not available after {count} retries")


async def until(done: Callable[[], Awaitable[bool]], deadline: float, poll: float) -> bool:
    """Asks less and less often whether something is done, and tells whether it is in the end.

    A node that cannot be reached, or asks to come back later, is asked again.

    Args:
        deadline: seconds in all, but for an answer that is awaited at that moment.
        poll: seconds before asking again for the first time.

    Raises:
        TimeoutError: if the node is out of reach at the deadline.
    """
    clock = asyncio.get_running_loop().time
    end = clock() + deadline
    distance = poll
    while True:
        trouble: Exception | None = None
        try:
            if await done():
                return True
        except (aiohttp.ClientConnectionError, TimeoutError, APIError) as error:
            if not _is_passing(error):
                raise
            trouble = error
        pause = max(distance, _asked_pause(trouble))
        if clock() + pause > end:
            if trouble:
                message = f"the node is out of reach ({trouble}) after {deadline:g} s"
                raise TimeoutError(message) from trouble
            return False
        await asyncio.sleep(pause)
        distance = max(poll, min(distance * _GROWTH, LONGEST_PAUSE))


def _is_passing(error: Exception) -> bool:
    return not isinstance(error, APIError) or error.status_code in _PASSING_STATUSES


def _asked_pause(error: Exception | None) -> float:
    return error.retry_after or 0.0 if isinstance(error, APIError) else 0.0
