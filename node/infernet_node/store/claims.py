"""Which process runs which job.

A job belongs to the process that its row names. A process is alive while its lease is in force,
so one row a process is renewed, and not one for each job. What a process writes about a job
counts only as long as the row names it.
"""

import json
from collections.abc import Collection, Iterable

from sqlalchemy import ColumnElement, case, cast, func, or_, select, update
from sqlalchemy.dialects.postgresql import JSONB

from infernet_node.json_text import serialise
from infernet_node.store.database import Database
from infernet_node.store.job import Job, JobKind
from infernet_node.store.job_rows import RUNNING, job_of, jobs_table
from infernet_node.store.leases import LIVE, leases_table

_RUN_BY_THE_NODE = RUNNING & (jobs_table.c.kind != JobKind.REPORTED)
_UNCLAIMED = jobs_table.c.lease_owner.is_(None)
_OF_THE_DEAD = ~_UNCLAIMED & jobs_table.c.lease_owner.not_in(
    select(leases_table.c.holder).where(LIVE)
)
_WAITING = (RUNNING, jobs_table.c.kind == JobKind.JOB, _UNCLAIMED | _OF_THE_DEAD)
# Taken from another process, a job has been started once more; one that nobody had has not.
_ONE_MORE_START = jobs_table.c.attempts + case((_UNCLAIMED, 0), else_=1)


class Claims:
    """Takes jobs for one process.

    Args:
        replica: names the process; no other ever has the same name.
    """

    def __init__(self, database: Database, replica: str) -> None:
        self._database = database
        self._replica = replica

    async def take_all(self) -> list[Job]:
        """Takes every running job, the oldest first: for a store that one process uses alone."""
        async with self._database.transaction() as connection:
            await connection.execute(
                update(jobs_table)
                .where(_RUN_BY_THE_NODE)
                .values(lease_owner=self._replica, attempts=_ONE_MORE_START)
            )
            query = select(jobs_table).where(_RUN_BY_THE_NODE).order_by(jobs_table.c.created_at)
            return [job_of(row) for row in (await connection.execute(query)).mappings()]

    async def take(
        self, limit: int, containers: Collection[str], of: Collection[str] = ()
    ) -> list[Job]:
        """Takes some of the jobs that nobody runs, the oldest first. PostgreSQL only.

        Args:
            limit: most jobs.
            containers: only jobs of these; streams, which cannot be run again, are taken
                whatever their container.
            of: processes that are no more; theirs are taken instead of those that nobody had.
        """
        runnable = cast(jobs_table.c.containers, JSONB).contained_by(sorted(containers))
        free = jobs_table.c.lease_owner.in_(of) if of else _UNCLAIMED
        return await self._take(limit, free, or_(jobs_table.c.kind == JobKind.STREAM, runnable))

    async def waiting(self) -> list[list[str]]:
        """Returns the pipelines of the jobs that no living process runs. PostgreSQL only."""
        query = select(jobs_table.c.containers).distinct().where(*_WAITING)
        async with self._database.transaction() as connection:
            texts = (await connection.execute(query)).scalars()
            return [json.loads(text) for text in texts]

    async def take_waiting(self, limit: int, pipelines: Iterable[list[str]]) -> list[Job]:
        """Takes some of the jobs that no living process runs, the oldest first. PostgreSQL only.

        Args:
            limit: most jobs.
            pipelines: only jobs of just these.
        """
        texts = [serialise(pipeline).decode() for pipeline in pipelines]
        return await self._take(limit, *_WAITING, jobs_table.c.containers.in_(texts))

    async def _take(self, limit: int, *which: ColumnElement[bool]) -> list[Job]:
        oldest = (
            select(jobs_table.c.id)
            .where(_RUN_BY_THE_NODE, *which)
            .order_by(jobs_table.c.created_at)
            .limit(limit)
            # Others take jobs at the same time; they and we pass over each other's.
            .with_for_update(skip_locked=True)
            .cte("oldest")
        )
        statement = (
            update(jobs_table)
            .where(jobs_table.c.id.in_(select(oldest.c.id)))
            .values(lease_owner=self._replica, attempts=_ONE_MORE_START)
            .returning(jobs_table)
        )
        async with self._database.transaction() as connection:
            rows = (await connection.execute(statement)).mappings().all()
        return sorted((job_of(row) for row in rows), key=lambda job: job.created_at)

    async def ownerless(self) -> list[str]:
        """Returns the processes that have running jobs and no lease in force.

        A process has its lease before its first job, so none that has just started is among
        them, whatever is committed meanwhile.
        """
        query = select(jobs_table.c.lease_owner).distinct().where(_RUN_BY_THE_NODE, _OF_THE_DEAD)
        async with self._database.transaction() as connection:
            return list((await connection.execute(query)).scalars())

    async def still_mine(self, ids: Collection[str]) -> set[str]:
        """Returns those of some jobs that exist and that no other process has taken."""
        query = select(jobs_table.c.id).where(self._mine, jobs_table.c.id.in_(ids))
        async with self._database.transaction() as connection:
            return set((await connection.execute(query)).scalars())

    async def release(self) -> None:
        """Gives back the jobs that this process has not finished: its planned end is not
        their fault, and does not count as an attempt."""
        statement = update(jobs_table).where(RUNNING, self._mine).values(lease_owner=None)
        async with self._database.transaction() as connection:
            await connection.execute(statement)

    async def pending(self) -> tuple[int, int]:
        """Returns how many jobs wait or run in all processes, and the bytes of their data.

        PostgreSQL only.
        """
        size = func.coalesce(func.sum(func.octet_length(jobs_table.c.data)), 0)
        query = select(func.count(), size).where(RUNNING, jobs_table.c.kind == JobKind.JOB)
        async with self._database.transaction() as connection:
            jobs, octets = (await connection.execute(query)).one()
        return int(jobs), int(octets)

    @property
    def _mine(self) -> ColumnElement[bool]:
        return jobs_table.c.lease_owner == self._replica
