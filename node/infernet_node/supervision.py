"""Work that must not end by itself, and its end when it is asked for."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Any

import structlog

_LOG = structlog.get_logger(__name__)
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 60.0


async def keep_running(
    name: str,
    work: Callable[[], Awaitable[object]],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Starts work again whenever it fails, more and more rarely, until cancelled."""
    pause = _FIRST_PAUSE
    while True:
        try:
            await work()
            _LOG.error("work_ended", work=name, restart_in=pause)
        except Exception:  # noqa: BLE001 - one part's defect must not stop the others
            _LOG.exception("work_failed", work=name, restart_in=pause)
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
