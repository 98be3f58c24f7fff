"""Writes of many callers in one transaction, each with its own result."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from infernet_node.store.cancellation import to_the_end

R = TypeVar("R")
T = TypeVar("T")

Operation = Callable[[AsyncConnection, Sequence[R]], Awaitable[Sequence[T]]]
"""Writes rows, and returns one result for each."""


@dataclass(frozen=True, slots=True)
class _Write:
    row: Any
    done: asyncio.Future[Any]


class SharedCommit:
    """Gathers the writes that arrive while one transaction is committed into the next one.

    A lone write is committed at once; a hundred at a time share their statements and their
    wait for the disk. Writes of one group have no order among each other, so whoever writes
    a row twice waits for the first write before the second.

    Args:
        transaction: opens a transaction of the database.
    """

    def __init__(
        self, transaction: Callable[[], AbstractAsyncContextManager[AsyncConnection]]
    ) -> None:
        self._transaction = transaction
        self._waiting: dict[Operation[Any, Any], list[_Write]] = {}
        self._writer: asyncio.Task[None] | None = None

    async def write(self, operation: Operation[R, T], row: R) -> T:
        """Returns the operation's result for a row once it is committed.

        A caller that is cancelled meanwhile hears of it when the row is committed.

        Raises:
            Exception: what the operation raised for this row.
        """
        return await to_the_end(self._write(operation, row))

    async def _write(self, operation: Operation[R, T], row: R) -> T:
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(operation, []).append(_Write(row, done))
        if self._writer is None:
            self._writer = asyncio.create_task(self._commit_all())
        return await done

    async def _commit_all(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, {}
            if not await self._commit(group):
                # One bad row must not take the others of its group with it.
                for operation, writes in group.items():
                    for write in writes:
                        await self._commit({operation: [write]})
        self._writer = None

    async def _commit(self, group: dict[Operation[Any, Any], list[_Write]]) -> bool:
        """Commits a group; ``False`` if it failed and may succeed in parts."""
        results: list[tuple[asyncio.Future[Any], Any]] = []
        try:
            async with self._transaction() as connection:
                for operation, writes in group.items():
                    written = await operation(connection, [write.row for write in writes])
                    results += zip((write.done for write in writes), written, strict=True)
        except Exception as error:  # noqa: BLE001 - whatever it is, its writer must hear of it
            futures = [write.done for writes in group.values() for write in writes]
            if len(futures) > 1:
                return False
            futures[0].set_exception(error)
            return True
        for done, result in results:
            # A conflict is one row's own matter and does not undo the others.
            if isinstance(result, Exception):
                done.set_exception(result)
            else:
                done.set_result(result)
        return True
