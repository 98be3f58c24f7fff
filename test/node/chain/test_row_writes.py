"""Rows move forward only from where they are believed to be."""

from infernet_node.chain.journal import Intent, Journal, State, transactions_table
from infernet_node.chain.row_writes import Move, compare_and_set
from infernet_node.store.database import Database

STATE = transactions_table.c.state


async def test_each_move_is_judged_for_itself(database: Database) -> None:
    journal = Journal(database, "lane")
    rows = [await journal.prepare(Intent(f"pay {n}", "0x" + "42" * 20), 21_000) for n in range(3)]
    moves = [
        Move(rows[0].id, State.PREPARED, {"state": State.FAILED, "reason": "first"}),
        Move(rows[1].id, State.MINED, {"state": State.FINAL}),
        Move(rows[2].id, State.PREPARED, {"state": State.FAILED, "nonce": 9}),
        Move(999, State.PREPARED, {"state": State.FAILED}),
    ]

    async with database.transaction() as connection:
        assert await compare_and_set(connection, STATE, moves) == [True, False, True, False]

    found = [await journal.by_reference(row.reference) for row in rows]
    assert [(row.state, row.reason, row.nonce) for row in found if row] == [
        (State.FAILED, "first", None),
        (State.PREPARED, None, None),
        (State.FAILED, None, 9),
    ]
