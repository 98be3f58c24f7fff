"""Chain time: the only clock that contracts and intervals go by."""

import asyncio
from collections import deque

from infernet_node.chain.header import Header

_GAPS = 8


class ChainClock:
    """The latest head, and when the next one may come."""

    def __init__(self) -> None:
        self.head: Header | None = None
        self._gaps: deque[int] = deque(maxlen=_GAPS)
        self._advanced = asyncio.Event()

    @property
    def now(self) -> int:
        """Timestamp of the latest block, UNIX seconds; 0 before the first is known."""
        return self.head.timestamp if self.head else 0

    @property
    def next(self) -> int:
        """The earliest time that the next block is likely to have.

        Contracts see the time of the block that a transaction is mined in, not of the one
        that it was simulated on.
        """
        return self.now + max(min(self._gaps, default=1), 1)

    def advance(self, head: Header) -> None:
        if self.head is not None and head.number == self.head.number + 1:
            self._gaps.append(head.timestamp - self.head.timestamp)
        self.head = head
        self._advanced.set()
        self._advanced = asyncio.Event()

    async def next_head(self) -> None:
        """Returns when another head has come."""
        await self._advanced.wait()
