"""The journal's open rows in memory, as the store has them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from infernet_node.chain.journal import IN_FLIGHT, Entry, State


class OpenRows:
    """Transactions whose life is not over."""

    def __init__(self) -> None:
        self._rows: dict[int, Entry] = {}
        self._in_flight: set[int] = set()
        self._by_reference: dict[str, int] = {}
        self._locks: dict[int, asyncio.Lock] = {}
        self._outcomes: dict[str, asyncio.Future[Entry]] = {}

    def __bool__(self) -> bool:
        return bool(self._rows)

    def __contains__(self, row_id: int) -> bool:
        return row_id in self._rows

    def get(self, row_id: int) -> Entry | None:
        return self._rows.get(row_id)

    def find(self, reference: str) -> Entry | None:
        row_id = self._by_reference.get(reference)
        return None if row_id is None else self._rows[row_id]

    @property
    def count_in_flight(self) -> int:
        """Rows that have a nonce."""
        return len(self._in_flight)

    def in_flight(self) -> list[Entry]:
        """Rows that have a nonce."""
        return [entry for entry in self._rows.values() if entry.id in self._in_flight]

    def prepared(self) -> list[Entry]:
        """Rows that have none yet."""
        return [entry for entry in self._rows.values() if entry.state is State.PREPARED]

    def outcome(self, reference: str) -> asyncio.Future[Entry]:
        """Returns a future of the row once it is settled."""
        if reference not in self._outcomes:
            future: asyncio.Future[Entry] = asyncio.get_running_loop().create_future()
            self._outcomes[reference] = future
            future.add_done_callback(lambda _: self._outcomes.pop(reference, None))
        return self._outcomes[reference]

    def keep(self, entry: Entry) -> None:
        """Remembers a row as it is now, or forgets it once it is settled."""
        if entry.state in IN_FLIGHT:
            self._in_flight.add(entry.id)
        else:
            self._in_flight.discard(entry.id)
        if not entry.settled:
            self._rows[entry.id] = entry
            self._by_reference[entry.reference] = entry.id
            return
        self._rows.pop(entry.id, None)
        self._by_reference.pop(entry.reference, None)
        outcome = self._outcomes.get(entry.reference)
        if outcome is not None and not outcome.done():
            outcome.set_result(entry)

    @asynccontextmanager
    async def hold(self, row_id: int) -> AsyncIterator[Entry | None]:
        """Holds a row: what is decided about it inside still holds when it is written."""
        lock = self._locks.setdefault(row_id, asyncio.Lock())
        async with lock:
            yield self._rows.get(row_id)
        if row_id not in self._rows:
            self._locks.pop(row_id, None)
