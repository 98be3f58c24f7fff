"""One door to the database, whichever it is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Self

from sqlalchemy import MetaData, event
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import StaticPool

metadata = MetaData()
"""Every table of the node registers here, in the module that owns it."""


class Database:
    """Runs transactions, one after the other on SQLite, side by side on PostgreSQL.

    SQLite admits one writer at a time. Waiting for it in this process, on one connection, is
    fair and never fails with "database is locked".
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._one_at_a_time = asyncio.Lock() if engine.dialect.name == "sqlite" else None

    @classmethod
    async def open(cls, url: str) -> Self:
        """Connects and creates missing tables.

        Args:
            url: SQLAlchemy URL with an async driver, e.g. ``sqlite+aiosqlite:///node.sqlite``.
        """
        # Parameters hold what callers ask, which is nothing for a log.
        if make_url(url).get_backend_name() == "sqlite":
            engine = create_async_engine(url, poolclass=StaticPool, hide_parameters=True)
            event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        else:
            engine = create_async_engine(url, pool_pre_ping=True, hide_parameters=True)
        async with engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
        return cls(engine)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """Commits when the block ends, rolls back when it raises."""
        async with AsyncExitStack() as stack:
            if self._one_at_a_time:
                await stack.enter_async_context(self._one_at_a_time)
            yield await stack.enter_async_context(self._engine.begin())

    async def close(self) -> None:
        await self._engine.dispose()


def _prepare_sqlite(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    # Readers do not wait for the writer, and a committed row survives a power cut.
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()
