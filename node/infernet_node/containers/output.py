"""What containers print, as lines of the node's log."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from datetime import datetime

import structlog

from infernet_node.containers.docker import DockerEngine, EngineError

_LOG = structlog.get_logger(__name__)
_LONGEST_LINE = 4096
_LINES_PER_SECOND = 200
_LAST_SECONDS = 1.0


class OutputCopier:
    """Copies what containers print into the log, as long as they run.

    A container that prints without end fills neither the log nor the event loop: of each second
    the first 200 lines are taken, and the others are counted. Docker's own log has them all.

    Args:
        clock: seconds, never going back.
    """

    def __init__(self, engine: DockerEngine, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._clock = clock

    @asynccontextmanager
    async def copying(self, container_id: str, since: float | None) -> AsyncIterator[None]:
        """Copies what a container prints while the block runs, which is until it ends.

        Args:
            since: UNIX seconds of the first line; ``None``: those printed from now on.
        """
        copying = asyncio.create_task(self._copy(container_id, since))
        try:
            yield
        finally:
            await _end(copying)

    async def _copy(self, container_id: str, since: float | None) -> None:
        try:
            async with aclosing(self._engine.output(container_id, since)) as pieces:
                await self._log_all(container_id, lines_of(pieces))
        except EngineError as error:
            _LOG.warning("container_output_lost", container=container_id, reason=str(error))

    async def _log_all(self, container_id: str, lines: AsyncIterator[str]) -> None:
        log = _LOG.bind(container=container_id)
        second, taken, left_out = self._clock(), 0, 0
        async for line in lines:
            if self._clock() - second >= 1:
                second, taken = self._clock(), 0
            if taken == _LINES_PER_SECOND:
                left_out += 1
                continue
            if left_out:
                log.warning("container_output_left_out", lines=left_out)
                left_out = 0
            taken += 1
            log.info("container_output", line=line)
        if left_out:
            log.warning("container_output_left_out", lines=left_out)


async def _end(copying: asyncio.Task[None]) -> None:
    task = asyncio.current_task()
    try:
        if task and not task.cancelling():
            # What a container says last is often why it ended.
            await asyncio.wait([copying], timeout=_LAST_SECONDS)
    finally:
        copying.cancel()
        await asyncio.wait([copying])


async def lines_of(pieces: AsyncIterator[str]) -> AsyncIterator[str]:
    """Yields the lines of a text that comes in pieces, each cut off behind 4096 characters.

    Empty ones are left out.
    """
    rest = ""
    async for piece in pieces:
        *whole, rest = (rest + piece).split("\n")
        for line in whole:
            if text := line.rstrip()[:_LONGEST_LINE]:
                yield text
        # What comes of this line from here on is cut off anyway.
        rest = rest[: _LONGEST_LINE + 1]
    if text := rest.rstrip()[:_LONGEST_LINE]:
        yield text


def seconds_of(moment: str) -> float:
    """Returns a time as Docker writes it (RFC 3339, up to nanoseconds) as UNIX seconds.

    What never happened is in the year 1, for which 0 does as well.
    """
    return max(0.0, datetime.fromisoformat(moment).timestamp())
