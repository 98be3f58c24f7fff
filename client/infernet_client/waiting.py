"""Waiting for a job without hammering the node, and without giving up while it restarts."""

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

Look = Callable[[], Awaitable[JobResult | None]]


async def looks(look: Look, count: int, pause: float) -> JobResult | None:
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


async def until_settled(look: Look, job_id: str, deadline: float, poll: float) -> JobResult | None:
    """Looks at a job less and less often until it does not run any more.

    A node that cannot be reached, or asks to come back later, is asked again.

    Args:
        deadline: seconds in all.
        poll: seconds before the second look.

    Returns:
        The result, failed ones included, or ``None`` when there is no such job.

    Raises:
        TimeoutError: if the job is still running, or the node away, at the deadline.
    """
    clock = asyncio.get_running_loop().time
    end = clock() + deadline
    distance = poll
    while True:
        trouble: Exception | None = None
        try:
            result = await look()
            if result is None or result["status"] != "running":
                return result
        except (aiohttp.ClientConnectionError, TimeoutError, APIError) as error:
            if not _is_passing(error):
                raise
            trouble = error
        pause = max(distance, _asked_pause(trouble))
        if clock() + pause > end:
            state = f"out of reach ({trouble})" if trouble else "still running"
            raise TimeoutError(f"Job {job_id} is {state} after {deadline:g} s") from trouble
        await asyncio.sleep(pause)
        distance = max(poll, min(distance * _GROWTH, LONGEST_PAUSE))


def _is_passing(error: Exception) -> bool:
    return not isinstance(error, APIError) or error.status_code in _PASSING_STATUSES


def _asked_pause(error: Exception | None) -> float:
    return error.retry_after or 0.0 if isinstance(error, APIError) else 0.0
