"""Every fault of an endpoint in every phase of the work: all is answered, the process stays.

``FAULTS=full`` lets faults last as long as they do in life: answers are late by five seconds,
and 429 is all that there is to hear for a minute. ``make faults`` does.
"""

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest
import requests
from aiohttp import web

from test.node.chain.processes import ChainNode, echo_on_chain, question_of
from test.node.chain.world import NODE, Chain, deploy
from test.support.anvil import run_anvil
from test.support.background import served
from test.support.container import ScriptedContainer
from test.support.faulty_rpc import Fault, FaultyRpc, faulty_rpc

pytestmark = pytest.mark.e2e

FULL = os.environ.get("FAULTS") == "full"
MINUTE = 60.0 if FULL else 0.0
PATIENCE = 60.0
LET_THROUGH = {Fault.LATENCY, Fault.LOST_ANSWER, Fault.STALE}
"""Faults through which requests take effect, or which look like a chain without news."""


@dataclass
class Gate:
    """A container that answers when it is let."""

    open: threading.Event = field(default_factory=threading.Event)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        await asyncio.to_thread(self.open.wait, PATIENCE)
        return await echo_on_chain(request)


@dataclass
class Line:
    """A chain, an endpoint that fails on command, a node behind it, and what it asks."""

    chain: Chain
    endpoint: FaultyRpc
    node: ChainNode
    container: ScriptedContainer
    gate: Gate

    def until(self, condition: Callable[[], bool], what: str, *, mine: bool = True) -> None:
        """Lets blocks pass until something is true."""
        end = time.monotonic() + PATIENCE
        while not condition():
            assert self.node.process.running, self.node.process.tail()
            assert time.monotonic() < end, f"not within {PATIENCE:g} s: {what}"
            if mine:
                self.chain.anvil.mine()
            time.sleep(0.02)

    def asked(self, question: str) -> int:
        return sum(question_of(job) == question for job in list(self.container.questions))

    def fail(self, fault: Fault, only: str = "") -> None:
        # Refusing and staleness are of the endpoint, whatever it is asked.
        self.endpoint.begin(fault, "" if fault in (Fault.REFUSE, Fault.STALE) else only)

    def recover(self, fault: Fault) -> None:
        """Ends a fault, once the node has met it and it has lasted as long as it is to last."""
        if fault is Fault.REFUSE:
            self.until(lambda: not self.node.ready, "the node notices")
        else:
            # What had its effect need not be asked twice.
            times = 1 if fault in LET_THROUGH else 2
            self.until(lambda: self.endpoint.met >= times, "the node meets the fault")
        if fault is Fault.RATE_LIMIT:
            time.sleep(MINUTE)
        self.endpoint.end()

    def until_answered(self, subscription_id: int) -> None:
        pattern = rf"interval answered.*id={subscription_id}\b"
        self.until(lambda: self.chain.deliveries(subscription_id) == 1, "delivered")
        self.until(lambda: self.node.log.has(pattern), "known to be answered")
        self.until(lambda: self.node.ready, "ready again")


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """One node for all faults: it has to outlive each of them."""
    with ExitStack() as stack:
        anvil = stack.enter_context(run_anvil(["--no-mining", "--order", "fifo"]))
        anvil.rpc("anvil_setBlockTimestampInterval", 1)
        chain = Chain(anvil, deploy(anvil))
        endpoint = stack.enter_context(served(faulty_rpc(anvil.url)))
        if FULL:
            endpoint.latency = 5.0
        gate = Gate()
        container = stack.enter_context(served(ScriptedContainer(gate.answer).serve()))
        node = ChainNode(
            tmp_path_factory.mktemp("node"),
            endpoint.url,
            chain.contracts["Registry"],
            container.url,
        )
        node.start()
        stack.callback(node.process.stop)
        yield Line(chain, endpoint, node, container, gate)
        assert node.process.running
        assert chain.reverted() == 0
        # A minute without sending is more than five prices: the nonce is used up by nothing.
        spare = chain.nonce_of(NODE) - chain.deliveries()
        assert 0 <= spare <= node.log.count("cancelling transaction")
        assert "Traceback" not in (node.folder / "output.log").read_text()


@pytest.fixture
def question(request: pytest.FixtureRequest, line: Line) -> Iterator[str]:
    """One of its own for each test; it goes to the container once."""
    line.gate.open.set()
    line.until(lambda: line.node.ready, "ready")
    yield request.node.name
    assert line.asked(request.node.name) == 1


@pytest.mark.parametrize("fault", Fault)
def test_idle(line: Line, question: str, fault: Fault) -> None:
    line.fail(fault)
    body = {"containers": ["chat"], "data": {"text": f"off chain, {question}"}}
    job = requests.post(f"{line.node.url}/api/jobs", json=body, timeout=10).json()["id"]
    line.until(lambda: status(line.node, job) == "success", "off-chain work goes on")
    if fault not in LET_THROUGH:
        line.until(lambda: not line.node.ready, "the node says that it is not ready")
    line.recover(fault)

    line.until_answered(line.chain.ask(question))


@pytest.mark.parametrize("fault", Fault)
def test_discovering(line: Line, question: str, fault: Fault) -> None:
    line.fail(fault, "eth_call")
    subscription_id = line.chain.ask(question)
    line.recover(fault)

    line.until_answered(subscription_id)


@pytest.mark.parametrize("fault", Fault)
def test_sending(line: Line, question: str, fault: Fault) -> None:
    line.gate.open.clear()
    subscription_id = line.chain.ask(question)
    line.until(lambda: line.asked(question) == 1, "the container is asked", mine=False)
    line.fail(fault, "eth_sendRawTransaction")
    line.gate.open.set()
    line.recover(fault)

    line.until_answered(subscription_id)


@pytest.mark.parametrize("fault", Fault)
def test_confirming(line: Line, question: str, fault: Fault) -> None:
    subscription_id = line.chain.ask(question)
    line.until(lambda: line.chain.pending_of(NODE) == 1, "sent", mine=False)
    line.fail(fault, "eth_getTransactionReceipt")
    line.chain.anvil.mine()
    line.recover(fault)

    line.until_answered(subscription_id)


def status(node: ChainNode, job: str) -> str:
    (found,) = requests.get(f"{node.url}/api/jobs", params={"id": job}, timeout=10).json()
    return str(found["status"])
