"""Cancelling who waits for the database must not leave the database to nobody."""

import asyncio
from pathlib import Path
from typing import Any

import aiosqlite
import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError, ProgrammingError

from infernet_node.store import postgresql
from infernet_node.store.database import Database, StoreError
from test.support.brokers import wire_to
from test.support.postgres import schema_url


@pytest.fixture
async def database(tmp_path: Path) -> Any:
    database = await Database.open(f"sqlite+aiosqlite:///{tmp_path / 'node.sqlite'}")
    async with database.transaction() as connection:
        await connection.execute(text("CREATE TABLE counted (number INTEGER)"))
    yield database
    await database.close()


async def insert(database: Database, number: int) -> None:
    async with database.transaction() as connection:
        for _ in range(2):
            await connection.execute(
                text("INSERT INTO counted VALUES (:number)"), {"number": number}
            )
            await connection.execute(text("SELECT number FROM counted"))


async def numbers(database: Database) -> list[int]:
    async with database.transaction() as connection:
        rows = await connection.execute(text("SELECT number FROM counted"))
        return [row.number for row in rows]


@pytest.mark.parametrize("call", range(14))
async def test_a_cancelled_transaction_leaves_all_or_nothing_and_no_lock(
    database: Database, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    """Cancels at each of the driver's calls that make up one transaction."""
    calls = 0
    task: asyncio.Task[None]
    through: Any = aiosqlite.Connection._execute

    async def cancel_at(self: Any, *args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call + 1:
            task.cancel()
        return await through(self, *args, **kwargs)

    monkeypatch.setattr(aiosqlite.Connection, "_execute", cancel_at)
    task = asyncio.create_task(insert(database, 1))
    await asyncio.wait([task])
    monkeypatch.undo()
    await insert(database, 2)

    assert await numbers(database) in ([2, 2], [1, 1, 2, 2])


async def test_a_transaction_that_raises_is_rolled_back(database: Database) -> None:
    async def fail() -> None:
        async with database.transaction() as connection:
            await connection.execute(text("INSERT INTO counted VALUES (1)"))
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        await fail()

    assert await numbers(database) == []


async def test_transactions_take_turns(database: Database) -> None:
    await asyncio.gather(*(insert(database, number) for number in range(20)))

    assert sorted(await numbers(database)) == sorted(list(range(20)) * 2)


async def test_a_cancelled_transaction_keeps_no_connection() -> None:
    """On a server each has a connection of its own, and there are not many."""
    async with schema_url() as url:
        database = await Database.open(url)
        pool: Any = database._engine.pool
        for steps in range(150):
            asking = asyncio.create_task(ask(database))
            for _ in range(steps):
                await asyncio.sleep(0)
            asking.cancel()
            await asyncio.wait([asking])
            assert pool.checkedout() == 0, f"cancelled after {steps} steps"
        await database.close()


async def ask(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute(text("SELECT 1"))


class TestWorkInATransaction:
    """On a thread of its own; seen by who comes the other way, and the other way round."""

    async def test_all_of_it_is_committed(self, database: Database) -> None:
        async def work(connection: Any) -> int:
            await connection.execute(text("INSERT INTO counted VALUES (1)"))
            await connection.execute(text("INSERT INTO counted VALUES (2)"))
            rows = await connection.execute(text("SELECT count(*) FROM counted"))
            return int(rows.scalar_one())

        await insert(database, 7)
        assert await database.in_transaction(work) == 4
        assert await numbers(database) == [7, 7, 1, 2]

    async def test_none_of_it_is_when_it_raises(self, database: Database) -> None:
        async def work(connection: Any) -> None:
            await connection.execute(text("INSERT INTO counted VALUES (1)"))
            raise LookupError("on second thoughts")

        with pytest.raises(LookupError):
            await database.in_transaction(work)
        assert await numbers(database) == []

    async def test_both_ways_at_the_same_time(self, database: Database) -> None:
        async def work(connection: Any) -> None:
            await connection.execute(text("INSERT INTO counted VALUES (1)"))

        await asyncio.gather(
            *(database.in_transaction(work) for _ in range(20)),
            *(insert(database, 2) for _ in range(20)),
        )
        assert sorted(await numbers(database)) == 20 * [1] + 40 * [2]

    async def test_it_must_not_wait_for_anything_else(self, database: Database) -> None:
        async def work(connection: Any) -> None:
            await connection.execute(text("INSERT INTO counted VALUES (1)"))
            await asyncio.sleep(0)

        with pytest.raises(RuntimeError, match="waits for something else"):
            await database.in_transaction(work)
        assert await numbers(database) == []

    async def test_who_is_cancelled_hears_of_it_afterwards(self, database: Database) -> None:
        async def work(connection: Any) -> None:
            await connection.execute(text("INSERT INTO counted VALUES (1)"))

        waiting = asyncio.create_task(database.in_transaction(work))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await insert(database, 2)
        assert await numbers(database) in ([2, 2], [1, 2, 2])


async def test_a_server_that_goes_is_trouble_that_passes() -> None:
    async with schema_url() as url:
        database, other = await Database.open(url), await Database.open(url)

        async def cut_off() -> None:
            async with database.transaction() as connection:
                process = await connection.execute(text("SELECT pg_backend_pid()"))
                async with other.transaction() as stranger:
                    await stranger.execute(
                        text("SELECT pg_terminate_backend(:process)"),
                        {"process": process.scalar_one()},
                    )
                await connection.execute(text("SELECT 1"))

        with pytest.raises(OperationalError):
            await cut_off()
        await ask(database)
        for each in (database, other):
            await each.close()


async def test_a_server_that_is_not_there_is_trouble_that_passes() -> None:
    async with schema_url() as url, wire_to(url) as wire:
        database = await Database.open(wire.url(url))
        wire.cut()
        with pytest.raises(OperationalError):
            await ask(database)
        wire.mend()
        await ask(database)
        await database.close()


async def test_a_server_that_is_silent_is_trouble_that_passes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever is asked of it: a statement, whether it is there, a connection, a good-bye."""
    monkeypatch.setattr(postgresql, "SILENCE", 1.0)
    async with schema_url() as url, wire_to(url) as wire:
        database = await Database.open(wire.url(url))

        async def ask_twice() -> None:
            async with database.transaction() as connection:
                await connection.execute(text("SELECT 1"))
                wire.stall()
                await connection.execute(text("SELECT 1"))

        with pytest.raises(OperationalError):
            await ask_twice()
        wire.mend()
        await ask(database)
        wire.stall()
        with pytest.raises(OperationalError):
            await ask(database)
        wire.mend()
        await ask(database)
        wire.stall()
        await database.close()


async def test_a_server_that_is_silent_at_the_start_is_no_usable_store(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(postgresql, "SILENCE", 0.2)
    async with schema_url() as url, wire_to(url) as wire:
        wire.stall()
        with pytest.raises(StoreError, match="cannot be opened"):
            await Database.open(wire.url(url))


async def test_a_wrong_statement_is_none() -> None:
    async with schema_url() as url:
        database = await Database.open(url)

        async def ask_nonsense() -> None:
            async with database.transaction() as connection:
                await connection.execute(text("SELECT nothing FROM nowhere"))

        with pytest.raises(ProgrammingError):
            await ask_nonsense()
        await database.close()
