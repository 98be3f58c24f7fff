"""What the rows tell of a subscription, however long it has been served."""

from typing import Any

from sqlalchemy import event

from infernet_node.chain.fees import Fees
from infernet_node.chain.fulfilments import Fulfilments
from infernet_node.chain.history import history_of
from infernet_node.chain.journal import Intent, Journal, Signed
from infernet_node.chain.stages import Stage
from infernet_node.store.database import Database
from test.node.chain.rows import subscription

CHAIN = "31337/00"
NODE = "0x" + "42" * 20
TERMS = subscription(period=60, frequency=10**6)


async def test_a_long_life_is_told_in_few_statements(database: Database) -> None:
    fulfilments = Fulfilments(database, f"{CHAIN}/0xC0")
    journal = Journal(database, f"{CHAIN}/{NODE}")
    intervals = range(1, 701)
    for row in await fulfilments.begin_all([(7, interval, TERMS) for interval in intervals]):
        if row.interval in (1, 700):
            # The first transaction came to nothing, the second one is on its way.
            for number in (0, 1):
                name = f"deliver/{row.id}/{number}"
                entry = await journal.prepare(Intent(name, NODE), gas=21_000)
                signed = Signed(f"0x{row.interval}-{number}", b"raw", Fees(1, 1), cancels=False)
                await journal.sign(entry, 10 * row.interval + number, signed)
            await fulfilments.move(row, Stage.SUBMITTED, sends=1)

    statements: list[Any] = []
    engine = database._engine.sync_engine
    event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    (history,) = await history_of(database, "7")

    assert [each.interval for each in history.intervals] == list(intervals)
    sent = {
        each.interval: [transaction.hash for transaction in each.transactions]
        for each in history.intervals
        if each.transactions
    }
    assert sent == {1: ["0x1-0", "0x1-1"], 700: ["0x700-0", "0x700-1"]}
    assert len(statements) <= 5
