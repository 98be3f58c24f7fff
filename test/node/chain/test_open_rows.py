"""The journal's open rows in memory."""

import asyncio

from infernet_node.chain.journal import State
from infernet_node.chain.open_rows import OpenRows
from test.node.chain.rows import entry, mined_entry


def test_rows_are_known_until_they_are_settled() -> None:
    rows = OpenRows()
    assert not rows

    rows.keep(entry())
    assert rows
    assert 1 in rows
    assert rows.get(1) == rows.find("deliver/1/0") == entry()

    rows.keep(entry(State.FAILED))
    assert not rows
    assert rows.get(1) is rows.find("deliver/1/0") is None


def test_rows_in_flight_are_those_with_a_nonce() -> None:
    rows = OpenRows()
    prepared = entry(State.PREPARED, id=2, reference="b", nonce=None, signatures=())
    for row in (entry(State.SIGNED), prepared, mined_entry(id=3, reference="c")):
        rows.keep(row)

    assert [row.id for row in rows.in_flight()] == [1, 3]
    assert [row.id for row in rows.prepared()] == [2]
    assert rows.count_in_flight == 2

    rows.keep(entry(State.FINAL))
    rows.keep(mined_entry(id=3, reference="c"))
    assert rows.count_in_flight == 1


async def test_an_outcome_is_told_once_and_to_all() -> None:
    rows = OpenRows()
    rows.keep(entry())
    outcome = rows.outcome("deliver/1/0")
    assert rows.outcome("deliver/1/0") is outcome
    await asyncio.sleep(0)
    assert not outcome.done()

    rows.keep(entry(State.REPLACED))
    assert (await outcome).state is State.REPLACED
    await asyncio.sleep(0)
    assert rows.outcome("deliver/1/0") is not outcome


async def test_who_holds_a_row_keeps_others_waiting() -> None:
    rows = OpenRows()
    rows.keep(entry())
    seen: list[State | None] = []

    async def look() -> None:
        async with rows.hold(1) as row:
            seen.append(row.state if row else None)

    async with rows.hold(1) as row:
        assert row == entry()
        waiting = asyncio.create_task(look())
        await asyncio.sleep(0)
        rows.keep(entry(State.FINAL))
        assert seen == []
    await waiting

    assert seen == [None]
