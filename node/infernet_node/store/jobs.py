"""Off-chain jobs as rows: written before anything is answered, moved by compare-and-set."""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from typing import Any
from uuid import uuid4

from sqlalchemy import bindparam, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from infernet_node.json_text import serialise
from infernet_node.metrics import Metrics
from infernet_node.store.changes import Changes
from infernet_node.store.claims import Claims
from infernet_node.store.database import Database
from infernet_node.store.group_commit import GroupCommit, Row
from infernet_node.store.job import FinishedJobs, Job, JobKind, RequestKey
from infernet_node.store.job_rows import RUNNING, job_of, jobs_table
from infernet_protocol.messages import ContainerResult, JobStatus

_NO_DATA = "{}"
_LISTED = 100_000
_DELETED_AT_ONCE = 1000
_CACHED_JOBS = 20_000
_CACHED_BYTES = 64 * 2**20


class ReportRefusedError(Exception):
    """A reported status contradicts what is known of the job; the text says how."""


class JobStore:
    """Rows of jobs, and a cache of those in use.

    Args:
        replica: names the process; by default as no other is named.
        shared: whether other processes use the same rows. Then nothing is cached, since any of
            them may delete a job or take it over.
    """

    def __init__(
        self, database: Database, *, replica: str | None = None, shared: bool = False
    ) -> None:
        self._database = database
        self._replica = replica or str(uuid4())
        self._shared = shared
        self._reads = GroupCommit(database.in_transaction, Metrics())
        """Clients that ask at the same time share a statement; nobody counts their transactions."""
        self.claims = Claims(database, self._replica)
        """Which process runs which job."""
        self.changes = Changes()
        """Told of every change of a job, once it is committed."""
        self._running: dict[str, Job] = {}
        self._finished = FinishedJobs(0 if shared else _CACHED_JOBS, _CACHED_BYTES)

    async def insert(self, job: Job, data_text: bytes, *, claimed: bool = True) -> None:
        """Adds a running job.

        Args:
            data_text: JSON of the job's data.
            claimed: whether this process will run it; else any may take it.
        """
        row = {
            "id": job.id,
            "owner": job.owner,
            "kind": str(job.kind),
            "status": job.status,
            "containers": _text(job.containers),
            "data": data_text.decode(),
            "requires_proof": job.requires_proof,
            "results": "[]",
            "attempts": job.attempts,
            "created_at": job.created_at,
            "request_key": job.request.key if job.request else None,
            "request_digest": job.request.digest if job.request else None,
            "lease_owner": self._replica if claimed else None,
        }
        await self._database.shared.write(_insert, row)
        if not self._shared:
            self._running[job.id] = job

    async def record(self, job: Job, results: Sequence[ContainerResult]) -> bool:
        """Keeps the results so far; ``False`` if the job has ended or is another process's."""
        row = {"job": job.id, "results": _text(results)}
        moved = await self._database.shared.write(self._record, row)
        if moved:
            job.results = list(results)
            self.changes.tell(job.id)
        return moved

    async def finish(
        self, job: Job, status: JobStatus, results: Sequence[ContainerResult], now: float
    ) -> bool:
        """Ends a job; ``False`` if it has ended already or is another process's.

        Args:
            now: UNIX seconds.
        """
        text = _text(results)
        row = {"job": job.id, "results": text, "status": status, "finished_at": now}
        try:
            moved = await self._database.shared.write(self._finish, row)
        finally:
            # Even if we are cancelled the row may move; from here on it is what counts.
            self._running.pop(job.id, None)
        if moved:
            job.status, job.results, job.data = status, list(results), {}
            self._finished.add(job, len(text))
            self.changes.tell(job.id)
        return moved

    async def find(self, owner: str, ids: Iterable[str]) -> list[Job]:
        """Returns those jobs of an owner that exist, in the order asked for."""
        # PostgreSQL refuses texts with a null character.
        wanted = [id for id in dict.fromkeys(ids) if "\0" not in id]
        found = {id: self._running.get(id) or self._finished.get(id) for id in wanted}
        missing = [id for id, job in found.items() if job is None]
        if missing:
            rows = await asyncio.gather(*(self._reads.write(_read, id) for id in missing))
            found.update(zip(missing, rows, strict=True))
        return [job for job in found.values() if job and job.owner == owner]

    async def of_request(self, owner: str, key: str) -> tuple[str, RequestKey] | None:
        """Returns the id of the job that an owner asked for under a key, and what was asked."""
        query = select(jobs_table.c.id, jobs_table.c.request_digest).where(
            jobs_table.c.owner == owner, jobs_table.c.request_key == key
        )
        async with self._database.transaction() as connection:
            row = (await connection.execute(query)).one_or_none()
        return (row.id, RequestKey(key, row.request_digest)) if row else None

    async def delete(self, job: Job) -> None:
        """Forgets a job and all that is known of it."""
        async with self._database.transaction() as connection:
            await connection.execute(delete(jobs_table).where(jobs_table.c.id == job.id))
        self._running.pop(job.id, None)
        self._finished.discard(job.id)
        self.changes.tell(job.id)

    async def ids(self, owner: str, statuses: Collection[JobStatus]) -> list[str]:
        """Returns an owner's job ids, the newest 100,000 of them, running ones first."""
        query = (
            select(jobs_table.c.id)
            .where(jobs_table.c.owner == owner, jobs_table.c.status.in_(statuses))
            .order_by(RUNNING.desc(), jobs_table.c.created_at.desc())
            .limit(_LISTED)
        )
        async with self._database.transaction() as connection:
            return list((await connection.execute(query)).scalars())

    async def count_running(self) -> int:
        query = select(func.count()).select_from(jobs_table).where(RUNNING)
        async with self._database.transaction() as connection:
            return (await connection.execute(query)).scalar_one()

    async def resume(self) -> list[Job]:
        """Returns the jobs that the end of an earlier process interrupted, the oldest first.

        Only for a store that this process uses alone. Each that was not given back counts one
        more attempt.
        """
        jobs = await self.claims.take_all()
        self._running.update((job.id, job) for job in jobs)
        return jobs

    async def report(
        self, job_id: str, owner: str, status: JobStatus, containers: list[str], now: float
    ) -> bool:
        """Keeps the status of a job that a container runs on its own.

        Args:
            owner: whose job it is, if it is new.

        Returns:
            Whether that changed anything.

        Raises:
            ReportRefusedError: if the node runs the job itself, or it has ended otherwise.
        """
        change = {"status": status, "finished_at": None if status == "running" else now}
        async with self._database.transaction() as connection:
            query = select(jobs_table).where(jobs_table.c.id == job_id).with_for_update()
            known = (await connection.execute(query)).mappings().one_or_none()
            if known is None:
                row = {
                    "id": job_id,
                    "owner": owner,
                    "kind": str(JobKind.REPORTED),
                    "containers": _text(containers),
                    "data": _NO_DATA,
                    "requires_proof": False,
                    "results": "[]",
                    "attempts": 1,
                    "created_at": now,
                }
                await connection.execute(insert(jobs_table).values(row | change))
            elif known["kind"] != JobKind.REPORTED:
                raise ReportRefusedError("The node runs this job itself")
            elif known["status"] == "running":
                await connection.execute(
                    update(jobs_table).where(jobs_table.c.id == job_id).values(change)
                )
            elif known["status"] != status:
                raise ReportRefusedError(f"The job has already ended: {known['status']}")
        self.changes.tell(job_id)
        return known is None or known["status"] != status

    async def delete_old(self, *, ended_before: float, keep: int) -> int:
        """Deletes up to 1,000 finished jobs that are too old or too many.

        Args:
            ended_before: UNIX seconds; also running ones reported before that are taken.
            keep: finished jobs to keep at most.

        Returns:
            How many were deleted.
        """
        ended = jobs_table.c.finished_at
        silent = (jobs_table.c.kind == JobKind.REPORTED) & (jobs_table.c.created_at < ended_before)
        async with self._database.transaction() as connection:
            surplus = select(ended).where(ended.is_not(None)).order_by(ended.desc()).offset(keep)
            newest_surplus = (await connection.execute(surplus.limit(1))).scalar_one_or_none()
            limit = max(ended_before, newest_surplus or 0)
            too_old = select(jobs_table.c.id).where((ended <= limit) | (RUNNING & silent))
            statement = (
                delete(jobs_table)
                .where(jobs_table.c.id.in_(too_old.limit(_DELETED_AT_ONCE)))
                .returning(jobs_table.c.id)
            )
            deleted = (await connection.execute(statement)).scalars().all()
        for job_id in deleted:
            self._finished.discard(job_id)
        return len(deleted)

    async def _record(self, connection: AsyncConnection, rows: Sequence[Row]) -> list[bool]:
        return await self._move(connection, _SET_RESULTS, rows)

    async def _finish(self, connection: AsyncConnection, rows: Sequence[Row]) -> list[bool]:
        return await self._move(connection, _SET_END, rows)

    async def _move(
        self, connection: AsyncConnection, statement: Any, rows: Sequence[Row]
    ) -> list[bool]:
        """Compare-and-set of rows that must be running and ours: two statements for any number."""
        ids = [row["job"] for row in rows]
        ours = (RUNNING, jobs_table.c.lease_owner == self._replica)
        query = select(jobs_table.c.id).where(jobs_table.c.id.in_(ids), *ours).with_for_update()
        movable = set((await connection.execute(query)).scalars())
        if moving := [row for row in rows if row["job"] in movable]:
            await connection.execute(statement, moving)
        return [row["job"] in movable for row in rows]


_ADD = insert(jobs_table)
_OF_JOB = jobs_table.c.id == bindparam("job")
_SET_RESULTS = update(jobs_table).where(_OF_JOB).values(results=bindparam("results"))
_SET_END = (
    update(jobs_table)
    .where(_OF_JOB)
    .values(
        status=bindparam("status"),
        results=bindparam("results"),
        finished_at=bindparam("finished_at"),
        # What was asked is nobody's business once it is answered.
        data=_NO_DATA,
    )
)


async def _read(connection: AsyncConnection, ids: Sequence[str]) -> list[Job | None]:
    query = select(jobs_table).where(jobs_table.c.id.in_(set(ids)))
    rows = (await connection.execute(query)).mappings().all()
    found = {row["id"]: job_of(row) for row in rows}
    return [found.get(id) for id in ids]


async def _insert(connection: AsyncConnection, rows: Sequence[Row]) -> list[bool]:
    await connection.execute(_ADD, rows)
    return [True] * len(rows)


def _text(value: Any) -> str:
    return serialise(value).decode()
