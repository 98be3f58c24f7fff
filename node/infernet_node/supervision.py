"""Long-running work that must not end, nor take the node with it."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

_LOG = structlog.get_logger(__name__)
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 60.0


async def keep_running(
    name: str,
    work: Callable[[], Awaitable[None]],
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
