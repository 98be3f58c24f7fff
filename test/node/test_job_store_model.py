"""The job store against a model that is a dictionary, with crashes between any two steps.

A crash is a store that forgets its memory without a word and reads its file again: what was
answered before must still be true, and nothing else. It also comes in the middle of a write, before
its commit or between the commit and whoever waits for it.
"""

import asyncio
import tempfile
from collections.abc import Coroutine
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
)

from infernet_node.store.database import Database
from infernet_node.store.job import Job, JobKind
from infernet_node.store.jobs import JobStore, ReportRefusedError
from infernet_node.store.sqlite_thread import SqliteThread
from infernet_protocol.messages import ContainerOutput, ContainerResult, JobStatus

T = TypeVar("T")
OWNERS = st.sampled_from(["ip", "key:alice"])
STATUSES: st.SearchStrategy[JobStatus] = st.sampled_from(["success", "failed"])
ANSWERS = st.one_of(st.integers(0, 2**256 - 1), st.text(max_size=3), st.none())


@dataclass
class Known:
    """What the model says of one job."""

    owner: str
    kind: JobKind
    status: JobStatus = "running"
    results: list[ContainerResult] = field(default_factory=list)
    attempts: int = 1


class ProcessGoneError(Exception):
    """Stands for the end of the process: nobody hears of what was being written."""


class DyingThread(SqliteThread):
    """Commits one more transaction, or not even that."""

    def __init__(self, thread: SqliteThread, *, commits: bool) -> None:
        self._real = thread
        self._commits = commits

    async def run(self, work: Any) -> Any:
        if self._commits:
            await self._real.run(work)
        raise ProcessGoneError


class StoreMachine(RuleBasedStateMachine):
    """Every public operation of the store, in any order."""

    jobs: Bundle[str] = Bundle("jobs")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.directory = tempfile.TemporaryDirectory()
        self.known: dict[str, Known] = {}
        self.names = count()
        self.open()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def open(self) -> None:
        path = Path(self.directory.name) / "jobs.sqlite"
        self.database = self.run(Database.open(f"sqlite+aiosqlite:///{path}"))
        self.store = JobStore(self.database)

    def job(self, job_id: str) -> Job:
        """The store's own object of a job, or one as the job's task would hold it."""
        known = self.known[job_id]
        found = self.run(self.store.find(known.owner, [job_id]))
        return found[0] if found else make(job_id, known.owner, known.kind)

    @rule(target=jobs, owner=OWNERS, kind=st.sampled_from([JobKind.JOB, JobKind.STREAM]))
    def insert(self, owner: str, kind: JobKind) -> str:
        job_id = f"job-{next(self.names)}"
        self.run(self.store.insert(make(job_id, owner, kind), b"{}"))
        self.known[job_id] = Known(owner, kind)
        return job_id

    def die_in(self, work: Coroutine[Any, Any, Any], *, commits: bool) -> None:
        """Begins a write that this process does not see the end of, and lets the next one start."""
        thread = self.database._thread
        assert thread is not None
        self.database._thread = DyingThread(thread, commits=commits)
        with pytest.raises(ProcessGoneError):
            self.run(work)
        self.database._thread = thread

    @rule(target=jobs, owner=OWNERS, commits=st.booleans())
    def die_in_an_insert(self, owner: str, commits: bool) -> Any:
        job_id = f"job-{next(self.names)}"
        work = self.store.insert(make(job_id, owner, JobKind.JOB), b"{}")
        self.die_in(work, commits=commits)
        if commits:
            self.known[job_id] = Known(owner, JobKind.JOB)
        self.crash()
        return job_id if commits else multiple()

    @rule(job_id=jobs, status=STATUSES, answer=ANSWERS, ends=st.booleans(), commits=st.booleans())
    def die_in_a_change(
        self, job_id: str, status: JobStatus, answer: Any, ends: bool, commits: bool
    ) -> None:
        known, job = self.known[job_id], self.job(job_id)
        results: list[ContainerResult] = [ContainerOutput(container="a", output=answer)]
        if ends:
            self.die_in(self.store.finish(job, status, results, 9.0), commits=commits)
        else:
            self.die_in(self.store.record(job, results), commits=commits)
        if commits and known.status == "running":
            known.results = results
            known.status = status if ends else "running"
        self.crash()

    @rule(job_id=jobs, answer=ANSWERS)
    def record(self, job_id: str, answer: Any) -> None:
        known = self.known[job_id]
        results: list[ContainerResult] = [
            *known.results,
            ContainerOutput(container="a", output=answer),
        ]
        moved = self.run(self.store.record(self.job(job_id), results))
        assert moved == (known.status == "running")
        if moved:
            known.results = results

    @rule(job_id=jobs, status=STATUSES, answer=ANSWERS)
    def finish(self, job_id: str, status: JobStatus, answer: Any) -> None:
        known = self.known[job_id]
        results: list[ContainerResult] = [ContainerOutput(container="b", output=answer)]
        moved = self.run(self.store.finish(self.job(job_id), status, results, 9.0))
        assert moved == (known.status == "running")
        if moved:
            known.status, known.results = status, results

    @rule(number=st.integers(0, 2), owner=OWNERS, status=st.one_of(STATUSES, st.just("running")))
    def report(self, number: int, owner: str, status: JobStatus) -> None:
        job_id = f"reported-{number}"
        known = self.known.get(job_id)
        try:
            changed = self.run(self.store.report(job_id, owner, status, ["a"], 2.0))
        except ReportRefusedError:
            assert known is not None
            assert known.status not in ("running", status)
            return
        assert changed == (known is None or known.status != status)
        if known:
            known.status = status
        else:
            self.known[job_id] = Known(owner, JobKind.REPORTED, status)

    @rule(job_id=consumes(jobs))
    def delete(self, job_id: str) -> None:
        self.run(self.store.delete(self.job(job_id)))
        del self.known[job_id]

    @rule(job_id=jobs)
    def a_container_reports_a_job_of_the_node(self, job_id: str) -> None:
        try:
            self.run(self.store.report(job_id, "ip", "failed", ["a"], 2.0))
        except ReportRefusedError:
            return
        raise AssertionError("taken")

    @rule(job_id=jobs)
    def follow_the_other_owners_job(self, job_id: str) -> None:
        assert self.run(self.store.find("nobody", [job_id])) == []

    @rule()
    def crash(self) -> None:
        """The process is gone; the next one takes up what ran."""
        self.run(self.database.close())
        self.open()
        resumed = self.run(self.store.resume())
        expected = {
            job_id
            for job_id, known in self.known.items()
            if known.status == "running" and known.kind is not JobKind.REPORTED
        }
        assert {job.id for job in resumed} == expected
        for job in resumed:
            known = self.known[job.id]
            known.attempts += 1
            assert (job.results, job.attempts) == (known.results, known.attempts)

    @rule()
    def planned_stop(self) -> None:
        self.run(self.store.claims.release())
        for known in self.known.values():
            if known.status == "running" and known.kind is not JobKind.REPORTED:
                known.attempts -= 1
        self.crash()

    @invariant()
    def every_job_is_as_the_model_says(self) -> None:
        for owner in ("ip", "key:alice"):
            mine = {id: known for id, known in self.known.items() if known.owner == owner}
            found = {job.id: job for job in self.run(self.store.find(owner, mine))}
            assert found.keys() == mine.keys()
            for job_id, known in mine.items():
                assert (found[job_id].status, found[job_id].results) == (
                    known.status,
                    known.results,
                )

    @invariant()
    def ids_are_listed_by_status(self) -> None:
        for owner in ("ip", "key:alice"):
            for status in ("running", "success", "failed"):
                expected = {
                    id
                    for id, known in self.known.items()
                    if (known.owner, known.status) == (owner, status)
                }
                assert set(self.run(self.store.ids(owner, [status]))) == expected

    @invariant()
    def so_many_run(self) -> None:
        running = [known for known in self.known.values() if known.status == "running"]
        assert self.run(self.store.count_running()) == len(running)

    def teardown(self) -> None:
        self.run(self.database.close())
        self.runner.close()
        self.directory.cleanup()


def make(job_id: str, owner: str, kind: JobKind) -> Job:
    return Job(
        id=job_id,
        owner=owner,
        kind=kind,
        containers=["a", "b"],
        data={},
        requires_proof=False,
        created_at=1.0,
        size=2,
    )


TestStoreModel = StoreMachine.TestCase
TestStoreModel.settings = settings(max_examples=12, stateful_step_count=20, deadline=None)
