"""The table of off-chain jobs, and a row of it as a :class:`Job`."""

import json

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    RowMapping,
    String,
    Table,
    Text,
    literal_column,
)

from infernet_node.store.database import metadata
from infernet_node.store.job import Job, JobKind

jobs_table = Table(
    "jobs",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("owner", String(64), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("status", String(8), nullable=False),
    Column("containers", Text, nullable=False),
    Column("data", Text, nullable=False),
    Column("requires_proof", Boolean, nullable=False),
    Column("results", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("finished_at", Float),
    Column("request_key", String(160)),
    Column("request_digest", String(64)),
    # The process that runs it, or ran it last; null while none has taken it.
    Column("lease_owner", String(64)),
)
_OF_REQUEST = jobs_table.c.request_key.is_not(None)
Index(
    "jobs_by_request",
    jobs_table.c.owner,
    jobs_table.c.request_key,
    unique=True,
    sqlite_where=_OF_REQUEST,
    postgresql_where=_OF_REQUEST,
)
Index("jobs_by_owner", jobs_table.c.owner, jobs_table.c.created_at)
Index("jobs_by_end", jobs_table.c.finished_at)
# A literal, since SQLite does not match a partial index with a bound parameter.
RUNNING = jobs_table.c.status == literal_column("'running'")
Index("jobs_running", jobs_table.c.created_at, sqlite_where=RUNNING, postgresql_where=RUNNING)


def job_of(row: RowMapping) -> Job:
    return Job(
        id=row["id"],
        owner=row["owner"],
        kind=JobKind(row["kind"]),
        containers=json.loads(row["containers"]),
        data=json.loads(row["data"]),
        requires_proof=row["requires_proof"],
        created_at=row["created_at"],
        size=len(row["data"].encode()),
        status=row["status"],
        results=json.loads(row["results"]),
        attempts=row["attempts"],
    )
