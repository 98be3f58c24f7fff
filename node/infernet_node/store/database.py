"""One door to the database, whichever it is."""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

from sqlalchemy import Connection, CursorResult, MetaData, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import StaticPool

from infernet_node.metrics import Metrics
from infernet_node.store.cancellation import to_the_end
from infernet_node.store.group_commit import GroupCommit
from infernet_node.store.migrations import (
    MigrationError,
    NotMigratedError,
    migrate,
    require_up_to_date,
)
from infernet_node.store.postgresql import PATIENT, server_engine
from infernet_node.store.sqlite_thread import SqliteThread, Work
from infernet_node.store.trouble import trouble_named

T = TypeVar("T")

metadata = MetaData()
"""Every table of the node registers here, in the module that owns it."""


_ONE_CONNECTION: dict[str, Any] = {
    "poolclass": StaticPool,
    # Transactions here always end themselves; the pool need not make sure.
    "pool_reset_on_return": None,
    "hide_parameters": True,
}


class StoreError(Exception):
    """There is no usable database at the URL; says why, without a password."""

    code = "store_unusable"


class StoreNotReadyError(StoreError):
    """What only wants to read comes before the first node of this version; says what to do."""

    code = "store_not_ready"


class Database:
    """Runs transactions, one after the other on SQLite, side by side on PostgreSQL.

    SQLite admits one writer at a time. Waiting for it in this process, on one connection, is
    fair and never fails with "database is locked".
    """

    def __init__(
        self, engine: AsyncEngine, metrics: Metrics, thread: SqliteThread | None = None
    ) -> None:
        self._engine = engine
        self._one_at_a_time = asyncio.Lock() if engine.dialect.name == "sqlite" else None
        self._thread = thread
        self.shared = GroupCommit(self.in_transaction, metrics)
        """Where concurrent writes share transactions."""

    @classmethod
    async def open(cls, url: str, metrics: Metrics | None = None) -> Self:
        """Connects, looks whether the file is sound, and brings the tables up to date.

        Args:
            url: SQLAlchemy URL with an async driver, e.g. ``sqlite+aiosqlite:///node.sqlite``
                or ``postgresql+asyncpg://node@db/infernet?schema=one_node``.

        Raises:
            StoreError: if there is no usable database.
        """
        with _trouble_told(url):
            # Parameters hold what callers ask, which is nothing for a log.
            parsed, thread = make_url(url), None
            if parsed.get_backend_name() == "sqlite":
                _require_usable_file(parsed.database)
                engine = create_async_engine(url, **_ONE_CONNECTION)
                event.listen(engine.sync_engine, "connect", _prepare_sqlite)
                thread = _thread_for(parsed)
            else:
                engine = server_engine(parsed)
            return await cls._connected(engine, migrate, metrics or Metrics(), thread)

    @classmethod
    async def open_to_read(cls, url: str) -> Self:
        """Connects to what a node has made; makes nothing, and changes nothing.

        Args:
            url: as of :meth:`open`.

        Raises:
            StoreNotReadyError: if no node of this version has made it yet.
            StoreError: if there is no usable database.
        """
        with _trouble_told(url):
            parsed = make_url(url)
            is_file = parsed.get_backend_name() == "sqlite"
            engine = _reading_engine(parsed) if is_file else server_engine(parsed)
            return await cls._connected(engine, require_up_to_date, Metrics())

    @classmethod
    async def _connected(
        cls,
        engine: AsyncEngine,
        prepare: Callable[[Connection], None],
        metrics: Metrics,
        thread: SqliteThread | None = None,
    ) -> Self:
        try:
            async with engine.begin() as connection:
                # Tables may take their time to be changed, or others to change them.
                patient = await connection.execution_options(**{PATIENT: True})
                await patient.run_sync(prepare)
        except BaseException:
            await engine.dispose()
            raise
        return cls(engine, metrics, thread)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """Commits when the block ends, rolls back when it raises.

        Cancelling the caller takes effect between statements: a connection that is left in the
        middle of one keeps its lock on a SQLite file for ever.
        """
        async with AsyncExitStack() as stack:
            if self._one_at_a_time:
                await stack.enter_async_context(self._one_at_a_time)
            connection = _Connection(self._engine)
            try:
                await _asked(connection.start())
                begun = await _asked(connection.begin().start())
                try:
                    yield connection
                except BaseException:
                    await _asked(begun.rollback())
                    raise
                await _asked(begun.commit())
            finally:
                # Whoever is cancelled meanwhile hears of it when it has started.
                if connection.sync_connection is not None:
                    await to_the_end(connection.close())

    async def in_transaction(self, work: Work[T]) -> T:
        """Does some work within a transaction, which it rolls back if it raises.

        On a SQLite file that is one way to a thread and back, however many its statements.
        """
        if self._thread is None or self._one_at_a_time is None:
            async with self.transaction() as connection:
                return await work(connection)
        async with self._one_at_a_time:
            return await to_the_end(self._thread.run(work))

    async def close(self) -> None:
        """Disconnects once every write that was begun is committed."""
        await self.shared.flush()
        if self._thread:
            await self._thread.close()
        await self._engine.dispose()


class _Connection(AsyncConnection):
    """A connection whose statements are not cut off."""

    async def execute(self, *args: Any, **kwargs: Any) -> CursorResult[Any]:
        return await _asked(super().execute(*args, **kwargs))


async def _asked(question: Coroutine[Any, Any, T]) -> T:
    """Awaits the database's answer to the end."""
    with trouble_named():
        return await to_the_end(question)


def _reading_engine(url: URL) -> AsyncEngine:
    path = Path(url.database or "").resolve()
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise FileNotFoundError(f"{path.parent} is no folder that can be written to")
    if not path.exists():
        raise NotMigratedError("there is none yet; infernet-node run makes it")
    # Not mode=ro, which cannot tidy up and so leaves files beside this one.
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True)) as connection:
        _require_sound(connection)
    engine = create_async_engine(
        url.set(database=path.as_uri(), query={"mode": "rw", "uri": "true"}), **_ONE_CONNECTION
    )
    event.listen(engine.sync_engine, "connect", _forbid_writing)
    return engine


def _thread_for(url: URL) -> SqliteThread | None:
    # A database in memory is its connection's own.
    if not url.database or url.database == ":memory:":
        return None
    engine = create_engine(url.set(drivername="sqlite"), **_ONE_CONNECTION)
    event.listen(engine, "connect", _prepare_sqlite)
    return SqliteThread(engine)


def _prepare_sqlite(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    # Readers do not wait for the writer, and a committed row survives a power cut.
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _forbid_writing(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA query_only = ON")
    cursor.close()


def _require_usable_file(path: str | None) -> None:
    if path and path != ":memory:":
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            _require_sound(connection)


def _require_sound(connection: sqlite3.Connection) -> None:
    # aiosqlite's thread of a connection that failed may outlive the event loop, and then says so
    # on standard error. So we fail before there is one.
    (finding,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if finding != "ok":
        raise sqlite3.DatabaseError(f"the file is damaged ({finding}); restore a copy")


@contextmanager
def _trouble_told(url: str) -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, ImportError, OSError, MigrationError) as error:
        if isinstance(error, NotMigratedError):
            raise StoreNotReadyError(f"{_without_password(url)}: {error}") from None
        reason = getattr(error, "orig", None) or error
        raise StoreError(f"{_without_password(url)} cannot be opened: {reason}") from error


def _without_password(url: str) -> str:
    try:
        return make_url(url).difference_update_query(["password"]).render_as_string()
    except SQLAlchemyError:
        return "the URL"
