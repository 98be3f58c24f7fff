"""Many writers, one transaction; each hears of its own row alone."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from infernet_node.metrics import Metrics
from infernet_node.store.group_commit import GroupCommit


class Transactions:
    """Counts transactions; each waits for ``gate`` before it commits."""

    def __init__(self) -> None:
        self.committed = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, work: Any) -> Any:
        result = await work(None)
        await self.gate.wait()
        self.committed += 1
        return result


async def double(_connection: Any, rows: Sequence[int]) -> list[int]:
    return [2 * row for row in rows]


async def refuse_odd(_connection: Any, rows: Sequence[int]) -> list[Any]:
    return [LookupError(f"{row} is odd") if row % 2 else row for row in rows]


async def break_at_odd(_connection: Any, rows: Sequence[int]) -> list[int]:
    for row in rows:
        if row % 2:
            raise LookupError(f"{row} is odd")
    return list(rows)


async def test_a_hundred_writers_share_two_transactions() -> None:
    transactions = Transactions()
    shared = GroupCommit(transactions, Metrics())

    results = await asyncio.gather(*(shared.write(double, row) for row in range(100)))

    assert results == [2 * row for row in range(100)]
    assert transactions.committed <= 2


@pytest.mark.parametrize("operation", [refuse_odd, break_at_odd])
async def test_one_bad_row_is_its_writers_own_matter(operation: Any) -> None:
    shared = GroupCommit(Transactions(), Metrics())

    results = await asyncio.gather(
        *(shared.write(operation, row) for row in range(4)), return_exceptions=True
    )

    assert results[0] == 0
    assert results[2] == 2
    assert [str(results[1]), str(results[3])] == ["1 is odd", "3 is odd"]


async def test_a_cancelled_writer_hears_of_it_once_its_row_is_committed() -> None:
    transactions = Transactions()
    shared = GroupCommit(transactions, Metrics())
    transactions.gate.clear()
    writer = asyncio.create_task(shared.write(double, 1))
    await asyncio.sleep(0)
    writer.cancel()
    await asyncio.sleep(0)
    assert not writer.done()

    transactions.gate.set()
    with pytest.raises(asyncio.CancelledError):
        await writer

    assert transactions.committed == 1
