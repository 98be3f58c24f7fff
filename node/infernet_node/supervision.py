"""Work that must not end by itself, and its end when it is asked for."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from typing import Any

import structlog

_LOG = structlog.get_logger(__name__)
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 60.0
_STEADY = 60.0
"""Seconds of work after which its end is no sign of lasting trouble."""


async def keep_running(
    name: str,
    work: Callable[[], Awaitable[object]],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Starts work again whenever it fails, until cancelled.

    It does so after a second, and each time after twice as long, up to a minute, until the work
    has gone on for a minute.
    """
    pause = _FIRST_PAUSE
    while True:
        began, failure = clock(), None
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - one part's defect must not stop the others
            failure = error
        if clock() - began > _STEADY:
            pause = _FIRST_PAUSE
        event = "work_failed" if failure else "work_ended"
        _LOG.error(event, work=name, restart_in=pause, exc_info=failure)
        await sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


class StopRequest:
    """Asked once, it lets running work finish; asked twice, it does not wait for that."""

    def __init__(self) -> None:
        self.made = asyncio.Event()
        self.urgent = asyncio.Event()

    def __call__(self) -> None:
        if self.made.is_set():
            self.urgent.set()
        self.made.set()


async def finish_or_cancel(
    tasks: Collection[asyncio.Task[Any]], grace: float, urgent: asyncio.Event
) -> int:
    """Waits for tasks and cancels those that take too long; returns how many that were.

    Args:
        grace: seconds that they have, unless ``urgent`` is set before.
    """
    if not tasks:
        return 0
    hurry = asyncio.create_task(urgent.wait())
    finished = asyncio.create_task(asyncio.wait(tasks))
    await asyncio.wait((finished, hurry), timeout=grace, return_when=asyncio.FIRST_COMPLETED)
    hurry.cancel()
    unfinished = [task for task in tasks if not task.done()]
    for task in unfinished:
        task.cancel()
    await asyncio.wait((finished, hurry))
    return len(unfinished)
