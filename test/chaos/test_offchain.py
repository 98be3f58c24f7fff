"""Load, SIGKILL at a random moment, restart: what was accepted is finished, once.

``CHAOS_ROUNDS`` says how often; ``make chaos`` does it 200 times.
"""

import asyncio
import os
import random
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from test.support.container import ScriptedContainer
from test.support.node_process import NodeProcess, configure, started

pytestmark = pytest.mark.e2e

ROUNDS = int(os.environ.get("CHAOS_ROUNDS", "6"))
CLIENTS = 8
LONGEST_LIFE = 0.5
"""Seconds between the first request and the end of a process."""


class Ledger:
    """What clients were promised."""

    def __init__(self) -> None:
        self.accepted: dict[str, int] = {}
        """Numbers of jobs by the id that the node answered with."""
        self.seen: dict[str, Any] = {}
        """Results that were read, by id."""
        self._next = 0

    async def ask(self, node: NodeProcess) -> None:
        """Has jobs done one after the other, until the node is gone."""
        while True:
            self._next += 1
            number = self._next
            try:
                job_id = await node.submit("a", "b", n=number)
                self.accepted[job_id] = number
                (job,) = await node.finished(job_id)
            except (aiohttp.ClientError, OSError):
                return
            self.seen[job_id] = job


async def test_accepted_is_finished_across_kills(tmp_path: Path) -> None:
    moments = random.Random(20261124)
    ledger = Ledger()
    async with ScriptedContainer().serve() as first, ScriptedContainer().serve() as second:
        path = configure(
            tmp_path,
            {
                "containers": [{"id": "a", "url": first.url}, {"id": "b", "url": second.url}],
                # Each job may be interrupted in every round.
                "jobs": {"max_attempts": ROUNDS + 1},
            },
        )
        for _ in range(ROUNDS):
            async with started(path) as node:
                clients = [asyncio.create_task(ledger.ask(node)) for _ in range(CLIENTS)]
                await asyncio.sleep(moments.uniform(0, LONGEST_LIFE))
                node.process.kill()
                await node.process.wait()
                await asyncio.gather(*clients)
        async with started(path) as node:
            finished = {id: (await node.finished(id))[0] for id in ledger.accepted}
            async with node.session.get(f"{node.url}/api/jobs") as response:
                listed = await response.json()

    # Accepted is finished, with the answer to its own question.
    assert ledger.accepted
    for job_id, number in ledger.accepted.items():
        answer = {"output": {"output": {"output": {"n": number}}}}
        job = finished[job_id]
        assert (job["status"], job["result"]) == ("success", {"container": "b", **answer})
    # What was read once stays as it was read.
    assert {id: finished[id] for id in ledger.seen} == ledger.seen
    # None is there twice, and none that nobody asked for.
    assert len(listed) == len(set(listed))
    asked = Counter(question["data"]["n"] for question in first.questions)
    numbers = set(ledger.accepted.values())
    # A kill between the commit and the answer leaves jobs that were done for nobody.
    unanswered = len(listed) - len(ledger.accepted)
    assert 0 <= unanswered <= CLIENTS * ROUNDS
    assert numbers <= set(asked)
    # Only an answer that was not a row yet is asked for again.
    assert sum(asked.values()) - len(asked) <= CLIENTS * ROUNDS
