"""A task for every interval that is being answered."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from infernet_node.chain.fulfil import Fulfiller
from infernet_node.chain.fulfilments import Fulfilment, Fulfilments, RowMovedError
from infernet_node.chain.stages import Stage

log = structlog.get_logger(__name__)


class Assignments:
    """Starts, supervises and stops the work on rows.

    Args:
        ended: told each row that has reached its end.
    """

    def __init__(
        self,
        fulfiller: Fulfiller,
        fulfilments: Fulfilments,
        ended: Callable[[Fulfilment], Awaitable[None]],
    ) -> None:
        self._fulfiller = fulfiller
        self._fulfilments = fulfilments
        self._ended = ended
        self._tasks: dict[int, asyncio.Task[None]] = {}

    def start(self, row: Fulfilment) -> None:
        """Begins or resumes work on a row, unless it is going on."""
        if row.id not in self._tasks:
            task = asyncio.create_task(self._work(row), name=f"fulfilment {row.id}")
            self._tasks[row.id] = task
            task.add_done_callback(lambda _: self._tasks.pop(row.id, None))

    async def ended(self, row_id: int) -> None:
        """Returns once nothing is being done about a row that is at its end."""
        task = self._tasks.get(row_id)
        if task is not None:
            await asyncio.wait([task])

    async def stop(self, row_id: int) -> None:
        """Interrupts the work on a row; its row stays as it is."""
        task = self._tasks.get(row_id)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def close(self) -> None:
        """Interrupts everything; the rows say where to go on."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _work(self, row: Fulfilment) -> None:
        try:
            await self._ended(await self._fulfiller.fulfil(row))
        except RowMovedError as error:
            log.info("Work was taken away", id=row.label, interval=row.interval, reason=str(error))
        except Exception as error:
            log.exception("Work failed for a reason of its own", id=row.label, row=row.id)
            await self._give_up(row.id, f"internal error: {type(error).__name__}")

    async def _give_up(self, row_id: int, reason: str) -> None:
        try:
            row = await self._fulfilments.get(row_id)
            # What is on its way to the chain is not given up: the journal carries it on.
            if row is not None and row.open and row.stage is not Stage.SUBMITTED:
                await self._ended(await self._fulfiller.end(row, Stage.FAILED, reason))
        except Exception:
            log.exception("Row could not be given up, a restart takes it up again", row=row_id)
