"""Connections that are kept while a client is open, and for one call where it is not."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp


class Pool:
    """A session of aiohttp between :meth:`open` and :meth:`close`; else a new one for each use.

    Args:
        new_session: called once there is an event loop.
    """

    def __init__(self, new_session: Callable[[], aiohttp.ClientSession]) -> None:
        self._new_session = new_session
        self._kept: aiohttp.ClientSession | None = None

    @property
    def is_open(self) -> bool:
        return self._kept is not None

    def open(self) -> None:
        """Keeps connections from now on. Safe to repeat."""
        if self._kept is None:
            self._kept = self._new_session()

    async def close(self) -> None:
        """Closes the connections that are kept. Safe to repeat."""
        kept, self._kept = self._kept, None
        if kept is not None:
            await kept.close()

    @asynccontextmanager
    async def session(self) -> AsyncIterator[aiohttp.ClientSession]:
        """Hands out the session to send a request with."""
        if self._kept is not None:
            yield self._kept
            return
        async with self._new_session() as session:
            yield session
