"""How many transactions of an account may be under way at the same time."""

import asyncio
from collections import deque


class Slots:
    """Admits new transactions while there is room in the pools.

    What is under way already counts, however it came to be: by this process, by one before it,
    or by a reorganisation that put it back. Only what is new has to wait.

    Args:
        limit: transactions that are not mined, 1 or more.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: set[int] = set()
        self._reserved = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def reserve(self) -> None:
        """Returns once there is room for one more, in the order of the calls."""
        if self._waiting or self._is_full:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self.give_back()  # it was admitted and no longer wants to
                else:
                    self._waiting.remove(turn)
                raise
        else:
            self._reserved += 1

    def give_back(self) -> None:
        """Ends a reservation: its transaction is held now, or there is none."""
        self._reserved -= 1
        self._admit()

    def hold(self, row_id: int) -> None:
        """Counts a transaction that is under way; one that is counted already stays one."""
        self._held.add(row_id)

    def free(self, row_id: int) -> None:
        """Counts a transaction no longer; one that was not counted is no error."""
        self._held.discard(row_id)
        self._admit()

    @property
    def _is_full(self) -> bool:
        return len(self._held) + self._reserved >= self._limit

    def _admit(self) -> None:
        while self._waiting and not self._is_full:
            turn = self._waiting.popleft()
            if not turn.done():
                self._reserved += 1
                turn.set_result(None)
