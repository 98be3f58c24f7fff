"""Each weakness of the reference node that this half must not share has a test by its number.

Those of the chain half are tested under ``chain/``. What no other module tests stands here.
"""

import re
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from infernet_node.store.database import Database
from infernet_node.store.job import Job, JobKind
from infernet_node.store.jobs import JobStore
from test.support.node import running_node

OFF_CHAIN = {
    *range(1, 8),
    *range(9, 16),
    *(20, 28, 33, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49),
    *range(50, 56),
    57,
}
"""Rows of the list of weaknesses that concern the off-chain half."""


def test_every_row_has_a_test() -> None:
    source = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    numbers = {int(number) for number in re.findall(r"def test_w_(\d+)_", source)}
    assert numbers >= OFF_CHAIN


@pytest.fixture
async def database(tmp_path: Path) -> Any:
    database = await Database.open(f"sqlite+aiosqlite:///{tmp_path}/jobs.sqlite")
    yield database
    await database.close()


async def test_w_33_a_callers_jobs_are_found_by_an_index(database: Database) -> None:
    queries = (
        "SELECT id FROM jobs WHERE owner = 'ip' ORDER BY created_at DESC LIMIT 10",
        "SELECT count(*) FROM jobs WHERE status = 'running'",
        "SELECT id FROM jobs WHERE owner = 'ip' AND request_key = 'k' AND request_key IS NOT NULL",
    )
    async with database.transaction() as connection:
        for query in queries:
            plan = await connection.execute(text(f"EXPLAIN QUERY PLAN {query}"))
            steps = [row.detail for row in plan]
            assert all("USING" in step and "INDEX" in step for step in steps), steps


async def test_w_50_an_ipv6_caller_has_whole_ids(database: Database) -> None:
    store = JobStore(database)
    owner = "2001:db8::1"
    job = Job(
        id="a:b:c",
        owner=owner,
        kind=JobKind.JOB,
        containers=["a"],
        data={},
        requires_proof=False,
        created_at=1.0,
        size=2,
    )
    await store.insert(job, b"{}")
    assert await store.ids(owner, ["running"]) == ["a:b:c"]
    assert [found.id for found in await JobStore(database).find(owner, ["a:b:c"])] == ["a:b:c"]


_CONNECTED: list[Any] = []
_LISTENING = [False]


def _connects(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.getaddrinfo") and _LISTENING[0]:
        _CONNECTED.append(arguments)


async def test_w_57_a_start_asks_nobody(tmp_path: Path) -> None:
    sys.addaudithook(_connects)
    _LISTENING[0] = True
    socket.getaddrinfo("localhost", 80)
    assert _CONNECTED.pop()[0] == "localhost"  # it would be noticed
    try:
        async with running_node({"containers": [{"id": "a", "url": "http://a.invalid"}]}, tmp_path):
            pass
    finally:
        _LISTENING[0] = False
    assert _CONNECTED == []
