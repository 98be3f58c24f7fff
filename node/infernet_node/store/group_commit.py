"""Writes of many callers in one transaction, each with its own result."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from infernet_node.metrics import Metrics
from infernet_node.store.cancellation import to_the_end
from infernet_node.store.sqlite_thread import Work

R = TypeVar("R")
T = TypeVar("T")

Row = dict[str, Any]
Operation = Callable[[AsyncConnection, Sequence[R]], Awaitable[Sequence[T]]]
"""Writes rows, and returns one result for each; an exception among them is that row's own.

It awaits nothing but statements of its connection.
"""


@dataclass(frozen=True, slots=True)
class _Write:
    row: Any
    done: asyncio.Future[Any]


_Group = dict[Operation[Any, Any], list[_Write]]
_Results = list[tuple[asyncio.Future[Any], Any]]


class GroupCommit:
    """Gathers the writes that arrive while one transaction is committed into the next one.

    A lone write is committed at once; a thousand a second share their statements and their
    wait for the disk. Writes of one group have no order among each other, so whoever writes
    a row twice waits for the first write before the second.

    Args:
        in_transaction: does some work within a transaction of the database.
    """

    def __init__(
        self, in_transaction: Callable[[Work[_Results]], Awaitable[_Results]], metrics: Metrics
    ) -> None:
        self._in_transaction = in_transaction
        self._metrics = metrics
        self._waiting: _Group = {}
        self._writer: asyncio.Task[None] | None = None

    async def write(self, operation: Operation[R, T], row: R) -> T:
        """Returns the operation's result for a row once it is committed.

        The write happens even if the caller is cancelled, who hears of that afterwards.

        Raises:
            Exception: what the operation raised for this row.
        """
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(operation, []).append(_Write(row, done))
        if self._writer is None:
            self._writer = asyncio.create_task(self._commit_all())
        return await to_the_end(done)

    async def flush(self) -> None:
        """Returns once nothing is waiting to be committed."""
        while self._writer:
            await asyncio.wait([self._writer])

    async def _commit_all(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, {}
            if not await self._commit(group):
                await self._commit_each(group)
        self._writer = None

    async def _commit(self, group: _Group) -> bool:
        """Commits a group; ``False`` if it failed and may succeed in parts."""
        try:
            with self._metrics.store_commit_seconds.time():
                results = await self._in_transaction(partial(_written, group))
        except Exception as error:  # noqa: BLE001 - whatever it is, its writer must hear of it
            futures = [write.done for writes in group.values() for write in writes]
            if len(futures) > 1:
                return False
            futures[0].set_exception(error)
            return True
        self._metrics.store_writes.inc(len(results))
        for done, result in results:
            _settle(done, result)
        return True

    async def _commit_each(self, group: _Group) -> None:
        """Keeps one bad row from taking the others of its group with it."""
        for operation, writes in group.items():
            for write in writes:
                await self._commit({operation: [write]})


async def _written(group: _Group, connection: AsyncConnection) -> _Results:
    results: _Results = []
    for operation, writes in group.items():
        written = await operation(connection, [write.row for write in writes])
        results += zip((write.done for write in writes), written, strict=True)
    return results


def _settle(done: asyncio.Future[Any], result: Any) -> None:
    # A conflict is one row's own matter and does not undo the others.
    if isinstance(result, Exception):
        done.set_exception(result)
    else:
        done.set_result(result)
