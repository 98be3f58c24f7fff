"""The life of jobs apart from REST: order, bounds, interruptions, trouble of the store."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy.exc import DataError, OperationalError
from structlog.testing import capture_logs

from infernet_node.admission import NotAcceptingError
from infernet_node.config import ContainerConfig, JobsConfig
from infernet_node.containers.calls import ContainerClient
from infernet_node.containers.endpoint import endpoints_of
from infernet_node.intake import JobOrder, new_job
from infernet_node.jobs import Jobs
from infernet_node.pipeline import Pipeline
from infernet_node.store.database import Database
from infernet_node.store.job import Job, JobKind
from infernet_node.store.jobs import JobStore
from infernet_node.streams import Streams
from test.support.container import ScriptedContainer


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(f"sqlite+aiosqlite:///{tmp_path}/jobs.sqlite")
    yield database
    await database.close()


@pytest.fixture
async def pipeline(
    container: ScriptedContainer, second: ScriptedContainer
) -> AsyncIterator[Pipeline]:
    client = await ContainerClient.open(max_answer_bytes=10_000)
    configs = [
        ContainerConfig(id="a", url=container.url),
        ContainerConfig(id="b", url=second.url),
    ]
    yield Pipeline(endpoints_of(configs, None), client)
    await client.close()


def order(*containers: str, **data: Any) -> JobOrder:
    return JobOrder(list(containers or "a"), data, json.dumps(data).encode(), False)


def limits(**changes: Any) -> JobsConfig:
    return JobsConfig(max_running=2, max_pending=4, drain_timeout=0).model_copy(update=changes)


async def ended(store: JobStore, job_id: str) -> Job:
    while True:
        (job,) = await store.find("ip", [job_id])
        await asyncio.sleep(0.002)  # its room is free once its task is over
        if job.status != "running":
            return job


class Gate:
    """A container's answer that waits until it is opened."""

    def __init__(self) -> None:
        self.waiting = 0
        self.most = 0
        self._open = asyncio.Event()

    def open(self) -> None:
        self._open.set()

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        await self._open.wait()
        self.waiting -= 1
        return web.json_response({"output": (await request.json())["data"]})


class TestBounds:
    async def test_w_13_so_many_run_and_the_rest_waits_in_order(
        self, database: Database, pipeline: Pipeline, container: ScriptedContainer
    ) -> None:
        gate = Gate()
        container.answer = gate
        store = JobStore(database)
        jobs = Jobs(store, pipeline, limits())
        ids = [await jobs.submit(order(n=n), "ip") for n in range(4)]
        with pytest.raises(NotAcceptingError, match="Too many jobs are pending"):
            await jobs.submit(order(), "ip")
        gate.open()

        for job_id in ids:
            assert (await ended(store, job_id)).status == "success"
        assert gate.most == 2
        assert [q["data"]["n"] for q in container.questions[2:]] == [2, 3]
        await jobs.submit(order(), "ip")  # room again
        await jobs.close(5, asyncio.Event())

    async def test_bytes_are_counted_too(self, database: Database, pipeline: Pipeline) -> None:
        jobs = Jobs(JobStore(database), pipeline, limits(max_pending_bytes=100))
        with pytest.raises(NotAcceptingError):
            await jobs.submit(order(text="x" * 100), "ip")
        await jobs.submit(order(text="x"), "ip")
        await jobs.close(5, asyncio.Event())

    async def test_jobs_dropped_before_they_began_leave_their_room(
        self, database: Database, pipeline: Pipeline
    ) -> None:
        store = JobStore(database)
        jobs = Jobs(store, pipeline, limits(max_running=2, max_pending=2))
        for _ in range(2):
            another = new_job(order(), "ip", JobKind.JOB, now=0.0)
            jobs.take_up([another])
            jobs.drop([another.id])
        await asyncio.sleep(0.002)
        assert (await ended(store, await jobs.submit(order(), "ip"))).status == "success"
        await jobs.close(5, asyncio.Event())


class TestInterruptions:
    async def test_after_a_stop_the_next_process_goes_on(
        self,
        database: Database,
        pipeline: Pipeline,
        container: ScriptedContainer,
        second: ScriptedContainer,
    ) -> None:
        second.answer = Gate()
        store = JobStore(database)
        jobs = Jobs(store, pipeline, limits(max_running=1))
        running = await jobs.submit(order("a", "b", n=1), "ip")
        waiting = await jobs.submit(order("a", n=2), "ip")
        await second.asked.wait()
        await jobs.close(0, asyncio.Event())
        with pytest.raises(NotAcceptingError, match="shutting down"):
            await jobs.submit(order(), "ip")
        assert [q["data"] for q in container.questions] == [{"n": 1}]

        second.answer = container.answer
        next_store = JobStore(database)
        next_jobs = Jobs(next_store, pipeline, limits())
        assert await next_jobs.resume() == 2
        first = await ended(next_store, running)
        other = await ended(next_store, waiting)
        await next_jobs.close(5, asyncio.Event())

        assert first.results == [
            {"container": "a", "output": {"output": {"n": 1}}},
            {"container": "b", "output": {"output": {"output": {"n": 1}}}},
        ]
        assert other.status == "success"
        # A planned stop does not count as an attempt.
        assert first.attempts == other.attempts == 1
        # The first container's answer was recorded: it was not asked again.
        assert [q["data"] for q in container.questions] == [{"n": 1}, {"n": 2}]

    async def test_a_stop_waits_for_running_jobs(
        self, database: Database, pipeline: Pipeline, container: ScriptedContainer
    ) -> None:
        gate = Gate()
        container.answer = gate
        store = JobStore(database)
        jobs = Jobs(store, pipeline, limits())
        job_id = await jobs.submit(order(), "ip")
        await container.asked.wait()
        closing = asyncio.create_task(jobs.close(30, asyncio.Event()))
        gate.open()
        await closing

        (job,) = await store.find("ip", [job_id])
        assert job.status == "success"

    async def test_a_job_that_ends_the_node_each_time_is_given_up(
        self, database: Database, pipeline: Pipeline, container: ScriptedContainer
    ) -> None:
        container.answer = Gate()
        first = Jobs(JobStore(database), pipeline, limits())
        job_id = await first.submit(order(), "ip")
        for _ in range(2):  # as after a crash: nobody excuses the interruption
            await JobStore(database).resume()
        store = JobStore(database)
        jobs = Jobs(store, pipeline, limits(max_attempts=3))
        await jobs.resume()

        job = await ended(store, job_id)
        assert job.status == "failed"
        assert job.results == [{"container": "a", "error": "The node stopped during 3 attempts"}]
        await jobs.close(0, asyncio.Event())
        await first.close(0, asyncio.Event())

    async def test_an_interrupted_stream_has_failed(
        self, database: Database, pipeline: Pipeline
    ) -> None:
        streams = Streams(JobStore(database), pipeline, limits())
        job = await streams.open(order(), "ip")
        store = JobStore(database)
        jobs = Jobs(store, pipeline, limits())
        await jobs.resume()

        read = await ended(store, job.id)
        assert read.results == [
            {"container": "a", "error": "Stream was cut off when the node stopped"}
        ]
        await jobs.close(0, asyncio.Event())


class TestTrouble:
    async def test_a_result_waits_for_the_store_to_recover(
        self, database: Database, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = JobStore(database)
        finish, failures = store.finish, 2

        async def flaky(*args: Any) -> bool:
            nonlocal failures
            if failures:
                failures -= 1
                raise OperationalError("UPDATE", {}, Exception("disk is full"))
            return await finish(*args)

        monkeypatch.setattr(store, "finish", flaky)
        monkeypatch.setattr("infernet_node.ending._FIRST_RETRY", 0.001)
        jobs = Jobs(store, pipeline, limits())
        job = await ended(store, await jobs.submit(order(), "ip"))

        assert job.status == "success"
        assert failures == 0
        await jobs.close(0, asyncio.Event())

    async def test_w_20_a_result_that_cannot_be_stored_fails_the_job(
        self, database: Database, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = JobStore(database)
        finish = store.finish

        async def refuse_success(job: Job, status: Any, results: Any, now: float) -> bool:
            if status == "success":
                raise DataError("UPDATE", {}, Exception("too big"))
            return await finish(job, status, results, now)

        monkeypatch.setattr(store, "finish", refuse_success)
        jobs = Jobs(store, pipeline, limits())
        job = await ended(store, await jobs.submit(order(), "ip"))

        assert job.results == [{"container": "a", "error": "Internal error"}]
        await jobs.close(0, asyncio.Event())

    async def test_a_store_that_is_away_does_not_keep_the_node_from_stopping(
        self,
        database: Database,
        pipeline: Pipeline,
        container: ScriptedContainer,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        container.answer = Gate()
        store = JobStore(database)
        jobs = Jobs(store, pipeline, limits())
        await jobs.submit(order(), "ip")
        await container.asked.wait()

        async def fail() -> None:
            raise OperationalError("UPDATE", {}, Exception("disk is full"))

        monkeypatch.setattr(store.claims, "release", fail)
        with capture_logs() as log:
            await jobs.close(0, asyncio.Event())
        assert log[-1]["event"] == "claims_not_released"

    async def test_a_job_that_cannot_be_stored_takes_no_room(
        self, database: Database, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = JobStore(database)
        jobs = Jobs(store, pipeline, limits(max_pending=2))

        async def fail(*_args: Any, **_options: Any) -> None:
            raise OperationalError("INSERT", {}, Exception("disk is full"))

        with monkeypatch.context() as patch:
            patch.setattr(store, "insert", fail)
            for _ in range(3):
                with pytest.raises(OperationalError):
                    await jobs.submit(order(), "ip")
        await ended(store, await jobs.submit(order(), "ip"))
        await jobs.close(0, asyncio.Event())
