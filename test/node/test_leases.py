"""What several processes could do is done by one at a time, by the database's clock."""

import asyncio
from collections.abc import AsyncIterator, Collection
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from infernet_node.fleet.lease import Lease
from infernet_node.store.database import Database
from infernet_node.store.leases import Leases
from test.support.postgres import schema_url
from test.support.waiting import eventually, until

LONG = 3600.0
SHORT = 0.05


@pytest.fixture(params=["sqlite", "postgresql"])
async def leases(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Leases]:
    if request.param == "sqlite":
        database = await Database.open(f"sqlite+aiosqlite:///{tmp_path}/node.sqlite")
        yield Leases(database)
        await database.close()
        return
    async with schema_url() as url:
        database = await Database.open(url)
        yield Leases(database)
        await database.close()


class TestRows:
    async def test_one_holder_at_a_time(self, leases: Leases) -> None:
        assert await leases.take("wallet/0x1", "a", LONG)
        assert not await leases.take("wallet/0x1", "b", LONG)
        assert await leases.take("wallet/0x1", "a", LONG)
        assert await leases.take("wallet/0x2", "b", LONG)
        assert await leases.live("wallet/") == {"wallet/0x1": "a", "wallet/0x2": "b"}
        assert await leases.live("replica/") == {}

    async def test_of_many_at_once_one_gets_it(self, leases: Leases) -> None:
        names = [str(number) for number in range(20)]
        taken = await asyncio.gather(*(leases.take("lease", name, LONG) for name in names))
        assert taken.count(True) == 1
        assert await leases.live("lease") == {"lease": names[taken.index(True)]}

    async def test_an_expired_one_is_free(self, leases: Leases) -> None:
        assert await leases.take("lease", "a", SHORT)
        await eventually(lambda: leases.take("lease", "b", LONG))
        assert not await leases.take("lease", "a", LONG)
        assert await leases.live("") == {"lease": "b"}

    async def test_what_its_holder_offers_is_as_it_said_last(self, leases: Leases) -> None:
        await leases.take("replica/a", "a", LONG, ["x"])
        await leases.take("replica/a", "a", LONG, ["é", 'y"'])
        await leases.take("replica/b", "b", LONG, [])
        await leases.take("replica/c", "c", LONG)
        await leases.take("wallet/0x1", "d", LONG, ["x"])
        offers = await leases.offers("replica/")
        assert sorted(offers, key=str) == [None, frozenset(), frozenset(("é", 'y"'))]
        await leases.release("replica/a", "a")
        assert sorted(await leases.offers("replica/"), key=str) == [None, frozenset()]

    async def test_a_released_one_is_free_at_once(self, leases: Leases) -> None:
        await leases.take("lease", "a", LONG)
        await leases.release("lease", "b")
        assert not await leases.take("lease", "b", LONG)
        await leases.release("lease", "a")
        assert await leases.take("lease", "b", LONG)

    async def test_what_has_expired_is_forgotten(self, leases: Leases) -> None:
        await leases.take("replica/a", "a", SHORT)
        await leases.take("replica/b", "b", LONG)
        await leases.take("wallet/x", "b", SHORT)

        async def only_b() -> bool:
            return await leases.live("replica/") == {"replica/b": "b"}

        await eventually(only_b)
        await leases.forget_expired("replica/")
        assert await leases.live("replica/") == {"replica/b": "b"}
        # Its row is gone, so the name is free for anybody.
        assert await leases.take("replica/a", "c", LONG)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Book(Leases):
    """Leases that say what a test tells them to."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.answer: bool | None = True
        """``None`` stands for trouble of the store."""
        self.takes_long = 0.0
        self.hangs: asyncio.Event | None = None
        self.released = False

    async def take(
        self, name: str, holder: str, seconds: float, offers: Collection[str] | None = None
    ) -> bool:
        self.clock.now += self.takes_long
        if self.hangs:
            await self.hangs.wait()
        if self.answer is None:
            raise OperationalError("INSERT", {}, Exception("gone"))
        return self.answer

    async def release(self, name: str, holder: str) -> None:
        if self.answer is None:
            raise OperationalError("DELETE", {}, Exception("gone"))
        self.released = True


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def book(clock: Clock) -> Book:
    return Book(clock)


class TestHolding:
    async def test_ends_for_its_holder_before_it_ends_for_others(
        self, book: Book, clock: Clock
    ) -> None:
        lease = Lease(book, "lease", "a", 10, clock)
        assert not lease.held
        book.takes_long = 3
        assert await lease.attempt()
        # Asked for 3 seconds ago: the database may have counted from then on. A fifth is margin.
        clock.now += 4.9
        assert lease.held
        clock.now += 0.2
        assert not lease.held

    async def test_trouble_of_the_store_does_not_end_it_at_once(
        self, book: Book, clock: Clock
    ) -> None:
        lease = Lease(book, "lease", "a", 10, clock)
        await lease.attempt()
        book.answer = None
        clock.now += 7
        assert not await lease.attempt()
        assert lease.held
        clock.now += 2
        assert not lease.held

    async def test_another_holder_ends_it_at_once(self, book: Book, clock: Clock) -> None:
        lease = Lease(book, "lease", "a", 10, clock)
        await lease.attempt()
        book.answer = False
        assert not await lease.attempt()
        assert not lease.held

    async def test_a_gap_begins_a_new_time(self, book: Book, clock: Clock) -> None:
        lease = Lease(book, "lease", "a", 10, clock)
        await lease.attempt()
        clock.now += 5
        await lease.attempt()
        clock.now += 5
        assert lease.held_for == 10
        clock.now += 5
        assert lease.held_for == 0
        await lease.attempt()
        clock.now += 1
        assert lease.held_for == 1

    async def test_a_released_one_is_not_held(self, book: Book, clock: Clock) -> None:
        lease = Lease(book, "lease", "a", 10, clock)
        await lease.attempt()
        await lease.release()
        assert (lease.held, book.released) == (False, True)
        book.answer = None
        await lease.release()  # others wait for its end instead

    async def test_it_is_kept_until_it_cannot_be_renewed(self, book: Book, clock: Clock) -> None:
        lease = Lease(book, "lease", "a", 0.3, clock)
        await lease.attempt()
        # Time goes by attempts: two without success are too many.
        book.takes_long = 0.1
        enough = clock.now + 1
        keeping = asyncio.create_task(lease.keep())
        await until(lambda: clock.now > enough)
        assert not keeping.done()
        book.answer = None
        async with asyncio.timeout(10):
            await keeping
        assert not lease.held

    async def test_a_store_that_never_answers_ends_it_in_time(self) -> None:
        book = Book(Clock())
        lease = Lease(book, "lease", "a", 0.3)
        await lease.attempt()
        book.hangs = asyncio.Event()
        async with asyncio.timeout(10):
            await lease.keep()
        assert not lease.held
