"""Requests of every kind, and whether they were kept."""

from collections import Counter
from dataclasses import dataclass, field

import requests

from infernet_node.chain.contracts import Function
from infernet_protocol.hashing import delegation_key
from scripts.delegation import Delegation
from test.node.chain.delegating import signed
from test.node.chain.market import Market, Terms
from test.node.chain.processes import ChainNode
from test.node.chain.world import SUBSCRIPTION_FULFILLED, Chain

PERIOD = 100_000
"""Seconds of chain time, more than a test takes otherwise, so that no interval passes unseen."""


@dataclass
class Promises:
    """What was asked, and in which way."""

    chain: Chain
    proved: Terms
    """What a request offers that wants a proof."""
    callbacks: dict[int, str] = field(default_factory=dict)
    """Question by subscription id."""
    paid: dict[int, str] = field(default_factory=dict)
    """Question by subscription id, of those that are paid when a proof is accepted."""
    scheduled: dict[int, tuple[int, list[str]]] = field(default_factory=dict)
    """When the first interval begins, and the questions of all, by subscription id."""
    delegated: dict[int, str] = field(default_factory=dict)
    """Question by nonce."""
    unsent: dict[int, Delegation] = field(default_factory=dict)
    """Those of the delegated that no node has accepted yet."""

    def ask(self, number: int) -> None:
        """Asks in every way."""
        for question in (f"callback {2 * number}", f"callback {2 * number + 1}"):
            self.callbacks[self.chain.ask(question)] = question
        question = f"proved {number}"
        self.paid[Market(self.chain).request(self.proved, question)] = question
        questions = [f"interval {2 * number}", f"interval {2 * number + 1}"]
        subscription_id = self.chain.schedule(questions, PERIOD)
        self.scheduled[subscription_id] = (self.chain.anvil.timestamp + PERIOD, questions)
        self.delegated[number] = f"delegated {number}"
        self.unsent[number] = signed(self.chain, number)
        self.let_time_pass()

    def let_time_pass(self) -> None:
        """Goes on to the next intervals, unless that would rob somebody of the present one."""
        delivered, now = deliveries(self.chain), self.chain.anvil.timestamp
        begun = {id_: _begun(at, now, len(q)) for id_, (at, q) in self.scheduled.items()}
        if all(delivered[id_] >= count for id_, count in begun.items()):
            self.chain.anvil.mine_at(now + PERIOD)

    def send(self, node: ChainNode) -> None:
        """Brings the node what was signed, until it has accepted it."""
        for nonce, delegation in list(self.unsent.items()):
            body = delegation.body(self.delegated[nonce])
            try:
                answer = requests.post(f"{node.url}/api/jobs", json=body, timeout=10)
            except requests.RequestException:
                return
            if answer.status_code == 503:
                return
            assert (answer.status_code, answer.json()) == (200, {}), answer.text
            del self.unsent[nonce]

    @property
    def expected(self) -> dict[str, tuple[int, int]]:
        """Subscription id and interval by question."""
        once = self.callbacks | self.paid
        found = {question: (id_, 1) for id_, question in once.items()}
        for id_, (_, questions) in self.scheduled.items():
            found |= {question: (id_, n) for n, question in enumerate(questions, start=1)}
        for nonce, question in self.delegated.items():
            found[question] = (created_id(self.chain, nonce), 1)
        return found

    @property
    def broken(self) -> list[str]:
        """Questions that have no answer yet."""
        delivered = deliveries(self.chain)
        return [
            question
            for question, (id_, interval) in self.expected.items()
            if delivered[id_] < interval
        ]

    @property
    def kept(self) -> bool:
        return not self.broken

    def answer(self, question: str, subscription_id: int, interval: int) -> str | None:
        """What the consumer keeps as its answer, ``None`` if it keeps none."""
        if question.startswith("callback"):
            return self.chain.answer(subscription_id)
        if question.startswith("proved"):
            return None
        consumer = "ScheduledChat" if question.startswith("interval") else "DelegatedChat"
        return self.chain.scheduled_answer(subscription_id, interval, consumer)


def _begun(active_at: int, now: int, frequency: int) -> int:
    return min(max((now - active_at) // PERIOD + 1, 0), frequency)


def created_id(chain: Chain, nonce: int) -> int:
    function = Function("delegateCreatedIds", ("bytes32",), ("uint32",))
    key = delegation_key(chain.contracts["DelegatedChat"], nonce)
    return int(chain.call(chain.contracts["EIP712Coordinator"], function, key))


def deliveries(chain: Chain) -> Counter[int]:
    """Counts fulfilments by subscription id."""
    wanted = {"fromBlock": "0x0", "topics": [SUBSCRIPTION_FULFILLED]}
    logs = chain.anvil.rpc("eth_getLogs", wanted)
    return Counter(int(log["topics"][1], 16) for log in logs)
