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
from test.node.chain.test_findings import ON_CHAIN
from test.node.config_documents import chain
from test.support.container import ScriptedContainer
from test.support.node import running_node

OFF_CHAIN = {
    1: "ids and addresses come from the body of a request",
    2: "the rate limit believes a header",
    3: "clients of one address share their jobs",
    4: "strangers report and overwrite jobs",
    5: "managed containers are published to everybody",
    6: "no TLS, and inside things are shown outside",
    7: "delegated requests escape the checks of payment",
    9: "a client does not hear what is wrong with its signature",
    10: "the status of a container is ignored",
    11: "a time-out has no text",
    12: "broken streams look whole, and go on without a reader",
    13: "any number of jobs at the same time",
    14: "finished jobs are kept for ever",
    15: "a job that was running is lost with the process",
    17: "trouble with the chain ends the node",
    20: "an unexpected answer kills the task in silence",
    28: "pipelines without bounds",
    33: "a caller's jobs are found by reading all",
    40: "secrets in clear text only",
    41: "malformed requests are errors of the server",
    42: "one bad item fails a batch",
    43: "refused delegated requests are errors of the server",
    44: "/resources waits for the slowest",
    45: "secrets in error texts and logs",
    46: "clients read internal addresses",
    47: "telemetry to a third party",
    48: "a model's id is pasted into a URL, sizes have no limit",
    49: "counters are reset when they are read",
    50: "ids are split at a colon",
    51: "containers are reused whatever they were made from",
    52: "a dead container keeps getting jobs",
    53: "REST comes up last, and is always healthy",
    54: "a stop kills what runs",
    55: "misspelt keys are ignored",
    56: "no figures and no routes for the operator",
    57: "a start asks the Internet",
}
"""Rows of the list of weaknesses that concern the off-chain half."""


def test_every_row_has_a_test() -> None:
    source = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    numbers = {int(number) for number in re.findall(r"def test_w_(\d+)_", source)}
    assert {number: row for number, row in OFF_CHAIN.items() if number not in numbers} == {}


def test_no_row_is_nobodys() -> None:
    assert sorted({*OFF_CHAIN, *ON_CHAIN}) == list(range(1, 58))


async def test_w_17_jobs_are_done_while_the_chain_cannot_be_reached(
    tmp_path: Path, container: ScriptedContainer
) -> None:
    config = {
        **chain(rpc_url="http://127.0.0.1:9"),
        "containers": [{"id": "one", "url": container.url}],
    }
    async with running_node(config, tmp_path) as node:
        assert (await node.result(await node.submit("one")))["status"] == "success"
        assert await node.get("/health") == (200, {"status": "healthy"})
        status, body = await node.get("/health/ready")
        assert (status, body["status"]) == (503, "unhealthy")
        assert body["problems"].keys() == {"chain"}


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
