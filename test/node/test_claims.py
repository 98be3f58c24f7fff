"""Which process runs which job, on a store that several share."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from infernet_node.fleet.member import PREFIX
from infernet_node.store.database import Database
from infernet_node.store.job import Job, JobKind
from infernet_node.store.jobs import JobStore
from infernet_node.store.leases import Leases
from infernet_protocol.messages import ContainerOutput
from test.support.postgres import schema_url

OUTPUT = ContainerOutput(container="a", output=1)
LONG = 3600.0


@pytest.fixture
async def database() -> AsyncIterator[Database]:
    async with schema_url() as url:
        database = await Database.open(url)
        yield database
        await database.close()


def store_of(database: Database, replica: str) -> JobStore:
    return JobStore(database, replica=replica, shared=True)


def job(id: str, *, kind: JobKind = JobKind.JOB, at: float = 1.0, containers: str = "a") -> Job:
    return Job(
        id=id,
        owner="ip",
        kind=kind,
        containers=containers.split(),
        data={},
        requires_proof=False,
        created_at=at,
        size=2,
    )


async def accept(store: JobStore, *jobs: Job, claimed: bool = False) -> None:
    await asyncio.gather(*(store.insert(each, b"{}", claimed=claimed) for each in jobs))


def ids(jobs: list[Job]) -> list[str]:
    return [each.id for each in jobs]


class TestTaking:
    async def test_each_job_is_taken_once(self, database: Database) -> None:
        await accept(store_of(database, "api"), *(job(f"{n:02}", at=n) for n in range(60)))
        workers = [store_of(database, f"w{n}") for n in range(6)]

        async def take_all(store: JobStore) -> list[str]:
            mine: list[str] = []
            while taken := await store.claims.take(3, ["a"]):
                mine += ids(taken)
            return mine

        shares = await asyncio.gather(*(take_all(store) for store in workers))
        together = [id for share in shares for id in share]
        assert sorted(together) == [f"{n:02}" for n in range(60)]
        assert all(share == sorted(share) for share in shares)

    async def test_only_what_the_process_can_run(self, database: Database) -> None:
        await accept(
            store_of(database, "api"),
            *(job("1", containers="a"), job("2", at=2, containers="a b"), job("3", containers="c")),
        )
        claims = store_of(database, "w").claims
        assert ids(await claims.take(9, ["b"])) == []
        assert ids(await claims.take(9, ["a", "b"])) == ["1", "2"]
        assert ids(await claims.take(9, ["c", '"]'])) == ["3"]

    async def test_what_another_process_runs_is_left_to_it(self, database: Database) -> None:
        await Leases(database).take(PREFIX + "a", "a", LONG)
        await accept(store_of(database, "a"), job("1"), claimed=True)
        claims = store_of(database, "b").claims
        assert await claims.ownerless() == []
        assert await claims.take(9, ["a"]) == []

    async def test_jobs_of_a_dead_process_count_one_more_start(self, database: Database) -> None:
        dead = store_of(database, "dead")
        await accept(
            dead, job("1"), job("s", kind=JobKind.STREAM, at=2, containers="x"), claimed=True
        )
        await dead.record(job("1"), [OUTPUT])
        claims = store_of(database, "b").claims
        assert await claims.ownerless() == ["dead"]

        first, stream = await claims.take(9, ["a"], of=["dead"])
        assert (first.id, first.results, first.attempts) == ("1", [OUTPUT], 2)
        # A stream is taken whatever its container, since all there is to do is to end it.
        assert (stream.id, stream.kind) == ("s", JobKind.STREAM)
        assert await claims.ownerless() == ["b"]

    async def test_a_new_job_has_been_started_once(self, database: Database) -> None:
        await accept(store_of(database, "api"), job("1"))
        (taken,) = await store_of(database, "b").claims.take(9, ["a"])
        assert taken.attempts == 1

    async def test_what_is_given_back_does_not_count(self, database: Database) -> None:
        first, second = store_of(database, "a"), store_of(database, "b")
        await accept(first, job("1"), job("done"), claimed=True)
        await first.finish(job("done"), "success", [], 2.0)
        await accept(second, job("2"), claimed=True)
        await first.claims.release()

        assert await second.claims.still_mine(["1", "2", "done"]) == {"2"}
        (taken,) = await second.claims.take(9, ["a"])
        assert (taken.id, taken.attempts) == ("1", 1)

    async def test_reported_jobs_are_nobodys(self, database: Database) -> None:
        store = store_of(database, "a")
        await store.report("r", "ip", "running", ["a"], 1.0)
        assert await store.claims.take(9, ["a"]) == []
        assert await store.claims.pending() == (0, 0)


class TestFencing:
    async def test_who_was_given_up_changes_nothing(self, database: Database) -> None:
        late, heir = store_of(database, "late"), store_of(database, "heir")
        await accept(late, job("1"), claimed=True)
        await heir.claims.take(9, ["a"], of=["late"])

        assert not await late.record(job("1"), [OUTPUT])
        assert not await late.finish(job("1"), "failed", [], 2.0)
        assert await late.claims.still_mine(["1"]) == set()
        assert await heir.finish(job("1"), "success", [OUTPUT], 3.0)
        (read,) = await late.find("ip", ["1"])
        assert (read.status, read.results) == ("success", [OUTPUT])

    async def test_nobody_can_end_what_nobody_runs(self, database: Database) -> None:
        store = store_of(database, "api")
        await accept(store, job("1"))
        assert not await store.finish(job("1"), "success", [], 2.0)

    async def test_what_ended_and_what_is_deleted(self, database: Database) -> None:
        store = store_of(database, "a")
        await accept(store, job("ended"), job("deleted"), claimed=True)
        await store.finish(job("ended"), "success", [], 2.0)
        await store_of(database, "b").delete(job("deleted"))
        # An ended job is still one's own, so that its end is not cut off.
        assert await store.claims.still_mine(["ended", "deleted"]) == {"ended"}

    async def test_a_deletion_elsewhere_is_seen_at_once(self, database: Database) -> None:
        here, there = store_of(database, "a"), store_of(database, "b")
        await accept(here, job("1"), job("2"), claimed=True)
        await here.finish(job("2"), "success", [], 2.0)
        await there.delete(job("1"))
        await there.delete(job("2"))
        assert await here.find("ip", ["1", "2"]) == []


class TestWaiting:
    """Jobs that no living process runs."""

    async def test_of_nobody_and_of_the_dead(self, database: Database) -> None:
        await Leases(database).take(PREFIX + "alive", "alive", LONG)
        alive, dead = store_of(database, "alive"), store_of(database, "dead")
        await accept(alive, job("1", containers="a b"), job("2", containers="a b", at=2))
        await accept(alive, job("3", containers="x"), claimed=True)
        await accept(dead, job("4", containers="b"), claimed=True)
        await accept(dead, job("5", containers="c", kind=JobKind.STREAM), claimed=True)
        await accept(dead, job("6", containers="c", kind=JobKind.REPORTED))
        assert sorted(await alive.claims.waiting()) == [["a", "b"], ["b"]]

    async def test_only_just_these_pipelines_are_taken(self, database: Database) -> None:
        api, claims = store_of(database, "api"), store_of(database, "w").claims
        pipelines = ("a", "a b", "b a", "a a", "a b c")
        await accept(api, *(job(each, containers=each) for each in pipelines))
        assert await claims.take_waiting(9, [["b"]]) == []
        assert ids(await claims.take_waiting(9, [["a", "b"]])) == ["a b"]
        assert set(ids(await claims.take_waiting(9, [["a"], ["a", "a"]]))) == {"a", "a a"}

    async def test_each_is_taken_once(self, database: Database) -> None:
        jobs = [job(f"{n:02}", at=n) for n in range(30)]
        await accept(store_of(database, "api"), *jobs)
        takers = [store_of(database, f"t{n}").claims for n in range(4)]
        for taker in takers:
            await Leases(database).take(PREFIX + taker._replica, taker._replica, LONG)
        taken = await asyncio.gather(*(taker.take_waiting(30, [["a"]]) for taker in takers))
        assert sorted(id for each in taken for id in ids(each)) == ids(jobs)


async def test_pending_are_counted_with_their_data(database: Database) -> None:
    store = store_of(database, "a")
    await store.insert(job("1"), '{"q": "é"}'.encode(), claimed=False)
    await store.insert(job("2"), b"{}", claimed=True)
    await accept(store, job("ended"), job("s", kind=JobKind.STREAM), claimed=True)
    await store.finish(job("ended"), "success", [], 2.0)
    assert await store.claims.pending() == (2, 13)


async def test_rows_of_before_the_first_fleet_are_taken(database: Database) -> None:
    """An earlier version left running jobs that name no process."""
    store = store_of(database, "a")
    await accept(store, job("1"), claimed=True)
    async with database.transaction() as connection:
        await connection.execute(text("UPDATE jobs SET lease_owner = NULL"))
    assert ids(await store.claims.take(9, ["a"])) == ["1"]
