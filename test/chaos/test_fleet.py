"""A fleet under load whose workers get SIGKILL: accepted is finished, each result once.

``CHAOS_ROUNDS`` says how many workers are killed; ``make chaos`` kills 200.
"""

import asyncio
import os
import random
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from test.support.brokers import NATS, require
from test.support.container import ScriptedContainer
from test.support.fleet import Fleet, Replica, fleet_of
from test.support.postgres import schema_url

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3600)]

ROUNDS = int(os.environ.get("CHAOS_ROUNDS", "3"))
CLIENTS = 8
LONGEST_LIFE = 1.0
"""Seconds between two kills, beside the time that a new worker takes to start."""


class Ledger:
    """What clients were promised."""

    def __init__(self) -> None:
        self.accepted: dict[str, int] = {}
        """Numbers of jobs by the id that the node answered with."""
        self.seen: dict[str, Any] = {}
        """Results that were read, by id."""
        self.over = False
        self._next = 0

    async def ask(self, api: Replica) -> None:
        """Has jobs done one after the other."""
        while not self.over:
            self._next += 1
            number = self._next
            job_id = await api.submit("a", "b", n=number)
            self.accepted[job_id] = number
            (self.seen[job_id],) = await api.finished(job_id)


async def kill_some(fleet: Fleet, moments: random.Random) -> None:
    """Kills one of two workers at a time, and has another in its place."""
    workers = await fleet.start_all("worker", "worker")
    for _ in range(ROUNDS):
        await asyncio.sleep(moments.uniform(0, LONGEST_LIFE))
        await workers.pop(moments.randrange(2)).kill()
        workers.append(await fleet.start("worker"))


async def test_accepted_is_finished_whichever_worker_dies(tmp_path: Path) -> None:
    broker = await require(NATS)
    ledger = Ledger()
    async with (
        ScriptedContainer().serve() as first,
        ScriptedContainer().serve() as second,
        schema_url() as store,
    ):
        config = {
            "store": {"url": store},
            "containers": [{"id": "a", "url": first.url}, {"id": "b", "url": second.url}],
            # Each job may be interrupted in every round.
            "jobs": {"max_attempts": ROUNDS + 1},
            "fleet": {
                "broker": broker,
                "channel": f"test-{uuid4().hex[:12]}",
                "lease": 3,
                "sweep_period": 0.2,
            },
        }
        async with fleet_of(tmp_path, config) as fleet:
            asked, other = await fleet.start_all("api", "api")
            async with asyncio.TaskGroup() as clients:
                for _ in range(CLIENTS):
                    clients.create_task(ledger.ask(asked))
                await kill_some(fleet, random.Random(20261124))
                ledger.over = True
            # Anybody can be asked.
            finished = dict(zip(ledger.accepted, await results(other, ledger), strict=True))
            _, listed = await other.get("/api/jobs")

    for job_id, number in ledger.accepted.items():
        answer = {"output": {"output": {"output": {"n": number}}}}
        job = finished[job_id]
        assert (job["status"], job["result"]) == ("success", {"container": "b", **answer})
    # What was read once stays as it was read.
    assert {id: finished[id] for id in ledger.seen} == ledger.seen
    assert sorted(listed) == sorted(ledger.accepted)
    # Only what a worker had when it died is asked for again.
    asked_for = Counter(question["data"]["n"] for question in first.questions)
    assert set(asked_for) == set(ledger.accepted.values())
    assert sum(asked_for.values()) - len(asked_for) <= CLIENTS * ROUNDS


async def results(api: Replica, ledger: Ledger) -> list[dict[str, Any]]:
    """Reads the results of all jobs, some at a time."""
    ids = list(ledger.accepted)
    found: list[dict[str, Any]] = []
    for start in range(0, len(ids), 100):
        found += await api.finished(*ids[start : start + 100])
    return found
