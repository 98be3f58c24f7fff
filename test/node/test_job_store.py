"""Rows of jobs: grouped commits, compare-and-set, retention."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from infernet_node.metrics import Metrics
from infernet_node.store.database import Database
from infernet_node.store.job import FinishedJobs, Job, JobKind
from infernet_node.store.jobs import JobStore, ReportRefusedError
from infernet_node.store.retention import delete_once
from infernet_protocol.messages import ContainerOutput, JobStatus
from test.support.postgres import schema_url

RUNNING: tuple[JobStatus, ...] = ("running",)
FINISHED: tuple[JobStatus, ...] = ("success", "failed")
OUTPUT = ContainerOutput(container="a", output={"n": 2**256 - 1})


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(
    request: pytest.FixtureRequest, tmp_path: Path, metrics: Metrics
) -> AsyncIterator[Database]:
    async with AsyncExitStack() as stack:
        url = f"sqlite+aiosqlite:///{tmp_path}/jobs.sqlite"
        if request.param == "postgresql":
            url = await stack.enter_async_context(schema_url())
        database = await Database.open(url, metrics)
        stack.push_async_callback(database.close)
        yield database


@pytest.fixture
async def store(database: Database) -> JobStore:
    return JobStore(database)


def job(id: str, *, kind: JobKind = JobKind.JOB, created_at: float = 1.0, owner: str = "ip") -> Job:
    return Job(
        id=id,
        owner=owner,
        kind=kind,
        containers=["a", "b"],
        data={"q": id},
        requires_proof=False,
        created_at=created_at,
        size=10,
    )


async def inserted(store: JobStore, *jobs: Job) -> None:
    await asyncio.gather(*(store.insert(j, b'{"q": "%b"}' % j.id.encode()) for j in jobs))


async def rows(database: Database, query: str) -> list[Any]:
    async with database.transaction() as connection:
        return list((await connection.execute(text(query))).all())


class TestWrites:
    async def test_writes_that_arrive_together_share_a_transaction(
        self, store: JobStore, database: Database, metrics: Metrics
    ) -> None:
        await inserted(store, *(job(str(n)) for n in range(100)))

        figure = metrics.registry.get_sample_value
        assert figure("infernet_store_writes_total") == 100
        assert 1 <= (figure("infernet_store_commit_duration_seconds_count") or 0) <= 2
        assert await rows(database, "SELECT count(*) FROM jobs") == [(100,)]

    async def test_one_bad_row_does_not_take_others_with_it(
        self, store: JobStore, database: Database
    ) -> None:
        outcomes = await asyncio.gather(
            *(store.insert(job(id), b"{}") for id in ("a", "b", "a", "c")),
            return_exceptions=True,
        )

        assert [type(outcome) for outcome in outcomes] == [
            type(None),
            type(None),
            IntegrityError,
            type(None),
        ]
        assert await rows(database, "SELECT id FROM jobs ORDER BY id") == [("a",), ("b",), ("c",)]

    async def test_errors_do_not_show_what_callers_ask(self, store: JobStore) -> None:
        await store.insert(job("a"), b'{"q": "private"}')
        with pytest.raises(IntegrityError) as caught:
            await store.insert(job("a"), b'{"q": "private"}')
        assert "private" not in str(caught.value)

    async def test_a_write_happens_although_its_caller_is_cancelled(
        self, store: JobStore, database: Database
    ) -> None:
        writing = asyncio.create_task(store.insert(job("a"), b"{}"))
        await asyncio.sleep(0)
        writing.cancel()
        await asyncio.wait([writing])
        assert await rows(database, "SELECT id FROM jobs") == [("a",)]

    async def test_an_end_whose_caller_is_cancelled_is_seen(self, store: JobStore) -> None:
        await inserted(store, job("a"))
        (running,) = await store.find("ip", ["a"])
        ending = asyncio.create_task(store.finish(running, "success", [OUTPUT], 2.0))
        await asyncio.sleep(0)
        ending.cancel()
        await asyncio.wait([ending])

        (ended,) = await store.find("ip", ["a"])
        assert (ended.status, ended.results) == ("success", [OUTPUT])


class TestCompareAndSet:
    async def test_a_job_ends_once(self, store: JobStore, database: Database) -> None:
        first, other = job("a"), job("b")
        await inserted(store, first, other)

        both = await asyncio.gather(
            store.finish(first, "success", [OUTPUT], 2.0),
            store.finish(other, "failed", [], 2.0),
        )
        again = await store.finish(first, "failed", [], 3.0)

        assert list(both) == [True, True]
        assert again is False
        assert first.status == "success"
        assert await rows(database, "SELECT id, status, finished_at FROM jobs ORDER BY id") == [
            ("a", "success", 2.0),
            ("b", "failed", 2.0),
        ]

    async def test_of_a_group_only_those_that_may_move_do(
        self, store: JobStore, database: Database
    ) -> None:
        jobs = [job(id) for id in "abc"]
        await inserted(store, *jobs)
        await store.finish(jobs[1], "success", [], 2.0)

        moved = await asyncio.gather(*(store.record(j, [OUTPUT]) for j in jobs))
        assert moved == [True, False, True]

    async def test_results_are_kept_exactly(self, store: JobStore, database: Database) -> None:
        ended = job("a")
        await inserted(store, ended)
        await store.finish(ended, "success", [OUTPUT], 2.0)

        (read,) = await JobStore(database).find("ip", ["a"])
        assert read.results == [OUTPUT]
        assert read.status == "success"

    async def test_what_was_asked_is_forgotten_at_the_end(
        self, store: JobStore, database: Database
    ) -> None:
        ended = job("a")
        await inserted(store, ended)
        assert await rows(database, "SELECT data FROM jobs") == [('{"q": "a"}',)]
        await store.finish(ended, "failed", [], 2.0)
        assert await rows(database, "SELECT data FROM jobs") == [("{}",)]


class TestReads:
    async def test_in_the_order_asked_for_and_of_the_owner_only(
        self, store: JobStore, database: Database
    ) -> None:
        await inserted(store, job("a"), job("b"), job("c", owner="other"))
        for reader in (store, JobStore(database)):
            found = await reader.find("ip", ["b", "c", "x", "a", "b"])
            assert [j.id for j in found] == ["b", "a"]

    async def test_ids_running_ones_first_newest_first(self, store: JobStore) -> None:
        jobs = [job(id, created_at=n) for n, id in enumerate("abcd")]
        await inserted(store, *jobs, job("x", owner="other"))
        await store.finish(jobs[3], "success", [], 9.0)
        await store.finish(jobs[1], "failed", [], 9.0)

        assert await store.ids("ip", RUNNING + FINISHED) == ["c", "a", "d", "b"]
        assert await store.ids("ip", RUNNING) == ["c", "a"]
        assert await store.ids("ip", FINISHED) == ["d", "b"]
        assert await store.count_running() == 3


class TestResume:
    async def test_interrupted_jobs_come_back_with_their_results(
        self, store: JobStore, database: Database
    ) -> None:
        jobs = [
            job("late", created_at=2.0),
            job("early"),
            job("done"),
            job("s", kind=JobKind.STREAM),
        ]
        await inserted(store, *jobs)
        await store.record(jobs[1], [OUTPUT])
        await store.finish(jobs[2], "success", [], 3.0)
        await store.report("r", "ip", "running", [], 1.0)

        resumed = await JobStore(database).resume()
        assert [j.id for j in resumed] == ["early", "s", "late"]
        assert resumed[0].results == [OUTPUT]
        assert resumed[0].data == {"q": "early"}
        assert [j.attempts for j in resumed] == [2, 2, 2]

    async def test_a_planned_stop_is_no_attempt(self, store: JobStore, database: Database) -> None:
        await inserted(store, job("a"))
        await store.claims.release()
        (resumed,) = await JobStore(database).resume()
        assert resumed.attempts == 1

    async def test_they_take_the_room_that_they_took(
        self, store: JobStore, database: Database
    ) -> None:
        text = '{"q":"übermäßig"}'.encode()
        await store.insert(job("wide"), text)
        (resumed,) = await JobStore(database).resume()
        assert resumed.size == len(text)


class TestReports:
    async def test_moves_under_its_first_owner(self, store: JobStore) -> None:
        await store.report("r", "first", "running", ["a"], 1.0)
        await store.report("r", "second", "success", ["a"], 2.0)

        (read,) = await store.find("first", ["r"])
        assert (read.status, read.results) == ("success", [])
        assert await store.find("second", ["r"]) == []

    async def test_contradictions_are_refused(self, store: JobStore) -> None:
        await inserted(store, job("mine"))
        await store.report("r", "ip", "failed", [], 1.0)

        await store.report("r", "ip", "failed", [], 1.0)
        for job_id in ("mine", "r"):
            with pytest.raises(ReportRefusedError):
                await store.report(job_id, "ip", "success", [], 2.0)


class TestRetention:
    async def test_old_ones_go_also_from_memory(self, store: JobStore) -> None:
        jobs = [job(str(n)) for n in range(4)]
        await inserted(store, *jobs)
        for n, ended in enumerate(jobs[:3]):
            await store.finish(ended, "success", [], float(n))
        await store.report("silent", "ip", "running", [], 0.5)

        assert await delete_once(store, ended_before=1.0, max_finished=100) == 3
        found = await store.find("ip", ["0", "1", "2", "3", "silent"])
        assert [j.id for j in found] == ["2", "3"]

    async def test_w_14_the_oldest_of_too_many_go_some_at_a_time(
        self, store: JobStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        jobs = [job(str(n)) for n in range(5)]
        await inserted(store, *jobs)
        for n, ended in enumerate(jobs):
            await store.finish(ended, "success", [], float(n + 1))

        monkeypatch.setattr("infernet_node.store.jobs._DELETED_AT_ONCE", 2)
        assert await delete_once(store, ended_before=0.0, max_finished=2) == 3
        assert sorted(await store.ids("ip", FINISHED)) == ["3", "4"]


class TestCache:
    def test_is_bounded_by_number_and_size(self) -> None:
        cache = FinishedJobs(jobs=2, size=100)
        for id, size in (("a", 10), ("b", 10), ("c", 10)):
            cache.add(job(id), size)
        assert cache.get("a") is None
        assert cache.get("c") is not None

        cache.add(job("d"), 95)
        assert cache.get("b") is cache.get("c") is None
        assert cache.get("d") is not None
        cache.add(job("huge"), 200)
        assert cache.get("huge") is None
