"""Whole transactions of a SQLite file on a thread of their own.

A driver that is asynchronous goes to its thread and back for each statement, and several times
for some. A transaction of five statements then spends more time on the way than on the disk.
"""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, CursorResult, Engine
from sqlalchemy.ext.asyncio import AsyncConnection

T = TypeVar("T")

Work = Callable[[AsyncConnection], Coroutine[Any, Any, T]]
"""Part of a transaction; awaits nothing but statements of the connection it is given."""


class SqliteThread:
    """One connection, and the thread that uses it.

    Args:
        engine: for the synchronous driver, with one connection.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")

    async def run(self, work: Work[T]) -> T:
        """Does some work in a transaction: commits when it returns, rolls back when it raises."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._run, work)

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._engine.dispose)
        self._thread.shutdown(wait=False)

    def _run(self, work: Work[T]) -> T:
        with self._engine.begin() as connection:
            return _result_of(work(cast(AsyncConnection, _HereAndNow(connection))))


class _HereAndNow:
    """Looks like an asynchronous connection, and makes nobody wait."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def execute(self, *args: Any, **kwargs: Any) -> CursorResult[Any]:
        return self._connection.execute(*args, **kwargs)


def _result_of(work: Coroutine[Any, Any, T]) -> T:
    try:
        work.send(None)
    except StopIteration as end:
        return cast(T, end.value)
    work.close()
    raise RuntimeError("work within a transaction waits for something else than its statements")
