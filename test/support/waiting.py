"""Waiting for what another process or task brings about, where there is nothing to await."""

import asyncio
from collections.abc import Awaitable, Callable

SECONDS = 60.0
"""After which a test has failed."""
_PAUSE = 0.01


async def until(condition: Callable[[], bool], seconds: float = SECONDS) -> None:
    """Returns once a condition holds."""
    async with asyncio.timeout(seconds):
        while True:
            if condition():
                return
            await asyncio.sleep(_PAUSE)


async def eventually(condition: Callable[[], Awaitable[bool]], seconds: float = SECONDS) -> None:
    """Returns once a condition holds that takes asking."""
    async with asyncio.timeout(seconds):
        while True:
            if await condition():
                return
            await asyncio.sleep(_PAUSE)
