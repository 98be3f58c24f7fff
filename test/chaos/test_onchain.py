"""SIGKILL at every write, every send and any moment: each request is answered, once.

``CHAIN_ROUNDS`` says how often; ``make chaos-chain`` does it 300 times.
"""

import asyncio
import json
import os
import random
import re
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from scripts.processes import answers
from test.chaos.crash_points import CRASH_AT, LEDGER
from test.chaos.promises import Promises, deliveries
from test.node.chain.market import PRICE, Market, Terms, verifier
from test.node.chain.processes import ChainNode, echo_on_chain, python_module, question_of
from test.node.chain.world import NODE, Chain, deploy
from test.support.anvil import run_anvil
from test.support.background import Miner, mining, served
from test.support.container import ScriptedContainer

pytestmark = pytest.mark.e2e

ROUNDS = int(os.environ.get("CHAIN_ROUNDS", "6"))
SIDES = ("before", "after")
POINTS = [
    f"{side} {what}"
    for what in (
        "jobs",
        "chain_subscriptions",
        "chain_subscriptions tracked",
        "chain_subscriptions ignored",
        "chain_subscriptions ended",
        "chain_cursors",
        "chain_delegations open",
        "chain_delegations created",
        "chain_fulfilments due",
        "chain_fulfilments inputs",
        "chain_fulfilments computed",
        "chain_fulfilments submitted",
        "chain_fulfilments answered",
        "chain_fulfilments paid",
        "chain_transactions prepared",
        "chain_transactions signed",
        "chain_signatures",
        "send",
        "chain_transactions broadcast",
        "chain_transactions final",
    )
    for side in SIDES
]
"""What every round passes; a write that is not here fails the test."""
FIRST = ["before alembic_version", "after alembic_version"]
"""What only the first start passes, which makes the tables."""
RARE = [f"{side} chain_transactions {state}" for state in ("mined", "replaced") for side in SIDES]
"""What depends on how a busy machine's blocks come: a receipt of a block that is newer than the
head, a nonce that was used up because none of five prices was mined in time."""
LONGEST_LIFE = 0.6
"""Seconds between a node's first answer to REST and its end, where a moment is drawn."""
PATIENCE = 30


@dataclass
class Kills:
    """A node that is ended again and again over the same store."""

    node: ChainNode
    promises: Promises
    container: ScriptedContainer
    miner: Miner
    ledger: Path
    at: Counter[str] = field(default_factory=Counter)
    """How often it was killed, by point."""
    missed: list[str] = field(default_factory=list)
    """Points that it was to be killed at and did not reach."""

    def round(self, point: str | None, life: float) -> None:
        """Starts a node, and has it killed at the point, or where it is after so many seconds."""
        asked, recorded = self.asked, self.recorded
        self.begin(point or "")
        killed_by_us = self._attend(None if point else life)
        assert self.node.process.popen.returncode == -signal.SIGKILL, self.node.process.tail()
        if point and killed_by_us:
            self.missed.append(point)
        else:
            self.at[point or "any moment"] += 1
        self.check_model_calls(asked, recorded)

    def begin(self, point: str = "") -> None:
        self.node.begin(**{CRASH_AT: point, LEDGER: str(self.ledger)})

    def _attend(self, life: float | None) -> bool:
        """Brings it requests until it is dead; says whether it was not by its own hand."""
        end = time.monotonic() + PATIENCE
        while self.node.process.running:
            self.promises.send(self.node)
            if life is not None and answers(f"{self.node.url}/health"):
                end, life = time.monotonic() + life, None
            if time.monotonic() > end:
                self.node.process.kill()
                return True
            time.sleep(0.02)
        return False

    @property
    def asked(self) -> Counter[str]:
        """How often the container was asked each question."""
        return Counter(question_of(job) for job in list(self.container.questions))

    @property
    def recorded(self) -> set[str]:
        """Questions whose output is in the store, which no process has open now."""
        with closing(sqlite3.connect(self.node.database)) as store:
            if not store.execute("SELECT 1 FROM sqlite_master").fetchall():
                return set()  # there are no tables yet
            query = "SELECT delivery_output FROM chain_fulfilments WHERE delivery_output NOT NULL"
            outputs = [output for (output,) in store.execute(query)]
        found = [re.search(rb"echo: (\w+ \d+)", output) for output in outputs]
        return {match[1].decode() for match in found if match}

    def check_model_calls(self, before: Counter[str], recorded: set[str]) -> None:
        """A process asks each question once, and none of those whose output was in the store."""
        since = self.asked - before
        assert not [question for question, times in since.items() if times > 1]
        assert not recorded & set(since)

    def finish(self) -> None:
        """Lets a last node live until every promise is kept."""
        asked, recorded = self.asked, self.recorded
        self.begin()
        end = time.monotonic() + PATIENCE + ROUNDS
        while not self.promises.kept:
            self.promises.send(self.node)
            self.promises.let_time_pass()
            assert self.node.process.running, self.node.process.tail()
            assert time.monotonic() < end, self.promises.broken
            time.sleep(0.1)
        self.node.process.stop()
        self.check_model_calls(asked, recorded)


async def slow_echo(request: web.Request) -> web.StreamResponse:
    """Takes its time, so that a moment that nobody chose may come before the answer."""
    await asyncio.sleep(0.05)
    return await echo_on_chain(request)


@pytest.fixture
def kills(tmp_path: Path) -> Iterator[Kills]:
    with ExitStack() as stack:
        anvil = stack.enter_context(run_anvil(["--no-mining", "--order", "fifo"]))
        anvil.rpc("anvil_setBlockTimestampInterval", 1)
        chain = Chain(anvil, deploy(anvil))
        market = Market(chain)
        own = market.wallet(NODE)
        market.fund(own, 5 * PRICE)
        terms = Terms(market.paying_wallet(times=ROUNDS), verifier=verifier(chain, mode=1))
        container = stack.enter_context(served(ScriptedContainer(slow_echo).serve()))
        node = ChainNode(
            tmp_path,
            anvil.url,
            chain.contracts["Registry"],
            container.url,
            wallet={"payment_address": own},
            container={"generates_proofs": True},
            program=python_module("test.chaos.crash_points"),
        )
        miner = stack.enter_context(mining(anvil.url))
        kills = Kills(node, Promises(chain, terms), container, miner, tmp_path / "points")
        yield kills
        node.process.kill()


@pytest.mark.timeout(300 + 10 * ROUNDS)
def test_every_request_is_answered_once_across_kills(kills: Kills) -> None:
    moments = random.Random(20261124)
    points: list[str] = [FIRST[0]]
    for number in range(ROUNDS):
        kills.promises.ask(number)
        # Every other one at a point: all of them in turn, in an order that nobody chose.
        points = points or moments.sample(POINTS, len(POINTS))
        point = None if number % 2 else points.pop()
        if number % 4 == 1:
            # What the first one sent is still in the pool while the second one lives.
            with kills.miner.paused():
                for _ in range(2):
                    kills.round(None, moments.uniform(0, 2 * LONGEST_LIFE))
        else:
            kills.round(point, moments.uniform(0, LONGEST_LIFE))
    kills.finish()

    chain, expected = kills.promises.chain, kills.promises.expected
    # The next requests are answered as well, and by then any second answer would have come.
    for question, (subscription_id, interval) in expected.items():
        answer = kills.promises.answer(question, subscription_id, interval)
        assert answer in (None, f"echo: {question}")
    own = kills.node.wallet["payment_address"]
    assert Market(chain).balance(own) == PRICE * (5 + len(kills.promises.paid))
    intervals = Counter(subscription_id for subscription_id, _ in expected.values())
    assert deliveries(chain) == intervals
    assert chain.reverted() == 0
    report(kills)
    # No write is without a test that kills there.
    reached = set(kills.ledger.read_text().splitlines())
    assert reached <= {*POINTS, *FIRST, *RARE}


def report(kills: Kills) -> None:
    asked = kills.asked
    figures = {
        "rounds": ROUNDS,
        "requests": len(kills.promises.expected),
        "kills by point": dict(sorted(kills.at.items())),
        "points not reached": kills.missed,
        "model calls repeated, none of them of a recorded output": asked.total() - len(asked),
    }
    print(json.dumps(figures, indent=1))
