"""Many small writes in few transactions."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from infernet_node.metrics import Metrics
from infernet_node.store.database import Database

Row = dict[str, Any]
Operation = Callable[[AsyncConnection, list[Row]], Awaitable[list[bool]]]
"""Writes rows and says of each whether it took effect."""

_Waiting = dict[Operation, list[tuple[Row, asyncio.Future[bool]]]]


class GroupCommit:
    """Gathers the writes that arrive while one transaction is committed into the next one.

    A lone write is committed at once; a thousand a second share their waits for the disk.
    Writes of one group have no order among each other, so the next write to a row must wait
    for the one before.
    """

    def __init__(self, database: Database, metrics: Metrics) -> None:
        self._database = database
        self._metrics = metrics
        self._waiting: _Waiting = {}
        self._writer: asyncio.Task[None] | None = None

    async def write(self, operation: Operation, row: Row) -> bool:
        """Returns, once it is committed, whether the row took effect.

        The write happens even if the caller is cancelled meanwhile.
        """
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(operation, []).append((row, done))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_all())
        return await done

    async def flush(self) -> None:
        """Returns once nothing is waiting to be committed."""
        while self._writer:
            await asyncio.wait([self._writer])

    async def _write_all(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, {}
            if not await self._committed(group):
                await self._commit_each(group)
        self._writer = None

    async def _committed(self, group: _Waiting) -> bool:
        """Commits a group; ``False`` if it failed and may succeed in parts."""
        outcomes: list[tuple[asyncio.Future[bool], bool]] = []
        try:
            with self._metrics.store_commit_seconds.time():
                async with self._database.transaction() as connection:
                    for operation, writes in group.items():
                        effects = await operation(connection, [row for row, _ in writes])
                        outcomes += zip((done for _, done in writes), effects, strict=True)
        except Exception as error:  # noqa: BLE001 - whatever it is, the writers must hear of it
            futures = [done for writes in group.values() for _, done in writes]
            if len(futures) > 1:
                return False
            _settle(futures[0], error)
            return True
        self._metrics.store_writes.inc(len(outcomes))
        for done, effect in outcomes:
            _settle(done, effect)
        return True

    async def _commit_each(self, group: _Waiting) -> None:
        """Keeps one bad row from taking the others of its group with it."""
        for operation, writes in group.items():
            for write in writes:
                await self._committed({operation: [write]})


def _settle(done: asyncio.Future[bool], outcome: bool | Exception) -> None:
    if done.done():
        return  # Its writer was cancelled.
    if isinstance(outcome, Exception):
        done.set_exception(outcome)
    else:
        done.set_result(outcome)
