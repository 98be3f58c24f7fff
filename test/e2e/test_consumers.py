"""Every kind of consumer against nodes in processes of their own."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import requests
from eth_utils.address import to_checksum_address

from infernet_node.chain.contracts import Function
from infernet_protocol.hashing import container_id
from infernet_protocol.subscription import ZERO_ADDRESS
from test.e2e.conftest import eventually
from test.node.chain.delegating import signed
from test.node.chain.hostile import CODES, ask_as
from test.node.chain.market import PRICE, Market, Terms, token, verifier
from test.node.chain.processes import PROOF, ChainNode, echo_on_chain, question_of
from test.node.chain.world import (
    CONTAINER,
    DEPLOYER,
    NODE,
    SUBSCRIPTION_FULFILLED,
    Chain,
    deploy,
)
from test.support.anvil import KEYS, run_anvil
from test.support.background import mining, served
from test.support.container import ScriptedContainer
from test.support.contracts import create

REENTRANCY = "ab143c06"
PERIOD = 3600
"""Seconds of chain time, more than a test takes otherwise, so that no interval passes unseen."""


@dataclass
class World:
    """A chain on which a block comes every moment, a container, and a node between them."""

    chain: Chain
    container: ScriptedContainer
    node: ChainNode

    @property
    def market(self) -> Market:
        return Market(self.chain)

    def asked(self, question: str) -> int:
        """How often the container was asked this."""
        return sum(question_of(job) == question for job in self.container.questions)

    def until_delivered(self, subscription_id: int, count: int = 1) -> None:
        eventually(
            lambda: self.chain.deliveries(subscription_id) >= count,
            f"{count} answers to subscription {subscription_id}",
        )

    def until_logged(self, pattern: str) -> None:
        eventually(lambda: self.node.log.has(pattern), f"log line {pattern}")

    def let_a_period_pass(self) -> None:
        self.chain.anvil.mine_at(self.chain.anvil.timestamp + PERIOD)

    def until_answered_later(self) -> None:
        """Returns once a question asked now is answered, and with it all before could be."""
        self.until_delivered(self.chain.ask("and now?"))


@contextmanager
def working(*nodes: ChainNode) -> Iterator[None]:
    """Runs nodes while the block lasts."""
    with ExitStack() as stack:
        for node in nodes:
            node.begin()
            stack.callback(node.process.stop)
        eventually(lambda: all(node.ready for node in nodes), "ready")
        yield


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("node")
    with ExitStack() as stack:
        anvil = stack.enter_context(run_anvil(["--no-mining", "--order", "fifo"]))
        anvil.rpc("anvil_setBlockTimestampInterval", 1)
        chain = Chain(anvil, deploy(anvil))
        container = stack.enter_context(served(ScriptedContainer(echo_on_chain).serve()))
        node = ChainNode(
            folder,
            anvil.url,
            chain.contracts["Registry"],
            container.url,
            wallet={"payment_address": Market(chain).wallet(NODE)},
            container={"generates_proofs": True},
        )
        stack.enter_context(mining(anvil.url))
        stack.enter_context(working(node))
        yield World(chain, container, node)
        assert node.process.running
        assert chain.reverted() == 0


@pytest.fixture
def chain(world: World) -> Chain:
    return world.chain


def figures(node: ChainNode) -> dict[str, float]:
    """What the node counts, by name and labels."""
    lines = requests.get(f"{node.url}/metrics", timeout=5).text.splitlines()
    pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in pairs}


def add_consumer(chain: Chain, name: str, types: tuple[str, ...] = (), *arguments: Any) -> None:
    registry = chain.contracts["Registry"]
    chain.contracts.addresses[name] = create(
        chain.anvil,
        DEPLOYER,
        name,
        ("address", "string", *types),
        (registry, CONTAINER, *arguments),
    )


def test_a_lazy_answer_lies_in_the_inbox(world: World, chain: Chain) -> None:
    add_consumer(chain, "LazyChat")

    subscription_id = chain.ask("no hurry?", "LazyChat")
    world.until_delivered(subscription_id)

    assert chain.answer(subscription_id, "LazyChat") == "echo: no hurry?"
    # The consumer knows where; the text is the inbox's.
    location = Function("location", ("uint32",), ("bytes32", "address", "uint256"))
    assert chain.call(chain.contracts["LazyChat"], location, subscription_id) == container_id(
        CONTAINER
    )


def test_three_nodes_give_the_three_answers_asked_for_and_none_two(
    world: World, chain: Chain, tmp_path: Path
) -> None:
    others = [
        replace(world.node, folder=tmp_path / name, key=key, wallet={})
        for name, key in (("second", KEYS[0]), ("third", KEYS[4]))
    ]
    with working(*others):
        subscription_id = chain.schedule(["for three"], PERIOD, redundancy=3)
        world.let_a_period_pass()
        world.until_delivered(subscription_id, 3)
    # Of the nodes that compete for one answer all but one would lose a transaction.
    world.until_answered_later()

    topics = [SUBSCRIPTION_FULFILLED, "0x" + subscription_id.to_bytes(32, "big").hex()]
    logs = chain.anvil.rpc("eth_getLogs", {"fromBlock": "0x0", "topics": topics})
    by = [to_checksum_address("0x" + log["topics"][2][-40:]) for log in logs]
    assert len(by) == len(set(by)) == 3
    assert world.asked("for three") == 3


def test_intervals_are_answered_each_with_its_own_input(world: World, chain: Chain) -> None:
    questions = ["recurring, first", "recurring, second", "recurring, third"]
    subscription_id = chain.schedule(questions, PERIOD)

    for interval, question in enumerate(questions, start=1):
        world.let_a_period_pass()
        world.until_delivered(subscription_id, interval)
        assert chain.scheduled_answer(subscription_id, interval) == f"echo: {question}"
        assert world.asked(question) == 1


def test_a_consumer_that_re_enters_is_answered_once_and_may_ask_again(
    world: World, chain: Chain
) -> None:
    add_consumer(chain, "ReenteringChat")
    consumer = chain.contracts["ReenteringChat"]

    first = chain.ask("may I come in again?", "ReenteringChat")
    world.until_delivered(first)
    second = chain.call(consumer, Function("second", (), ("uint32",)))
    world.until_delivered(second)
    world.until_answered_later()

    assert chain.answer(first, "ReenteringChat") == "echo: may I come in again?"
    assert chain.answer(second, "ReenteringChat") == "echo: and one more?"
    assert [chain.deliveries(id_) for id_ in (first, second)] == [1, 1]
    assert chain.call(consumer, Function("refusal", (), ("bytes",))).hex() == REENTRANCY


@pytest.mark.parametrize("code", CODES.values(), ids=CODES.keys())
def test_a_hostile_consumer_costs_nothing_and_holds_nobody_up(
    world: World, chain: Chain, code: str
) -> None:
    before = chain.nonce_of(NODE), chain.deliveries()
    hostile = ask_as(chain, code)
    world.until_answered_later()

    sent, delivered = chain.nonce_of(NODE), chain.deliveries()
    assert (sent - before[0], delivered - before[1]) == (1 + chain.deliveries(hostile),) * 2


@pytest.mark.parametrize("in_token", [False, True], ids=["ETH", "ERC20"])
def test_an_answer_is_paid(world: World, chain: Chain, in_token: bool) -> None:
    market, own = world.market, world.node.wallet["payment_address"]
    currency = token(chain.anvil) if in_token else ZERO_ADDRESS
    before = market.balance(own, currency)

    world.until_delivered(market.request(Terms(market.paying_wallet(currency), token=currency)))

    assert market.balance(own, currency) == before + PRICE


def test_w_49_what_is_answered_sent_and_paid_is_counted_apart(world: World, chain: Chain) -> None:
    free = chain.ask("for nothing?")
    world.until_logged(rf"interval answered.*id={free}\b")
    before = figures(world.node)
    currency = token(chain.anvil)
    paid = world.market.request(Terms(world.market.paying_wallet(currency), token=currency))
    again = chain.ask("and for nothing once more?")
    for subscription_id in (paid, again):
        world.until_logged(rf"interval answered.*id={subscription_id}\b")

    after = figures(world.node)
    income = f'infernet_chain_income_total{{container="{CONTAINER}",token="{currency}"}}'
    answered = 'infernet_chain_intervals_total{state="answered"}'
    final = 'infernet_chain_transactions_total{state="final"}'
    assert after[answered] - before[answered] == after[final] - before[final] == 2
    assert after[income] - before.get(income, 0) == PRICE
    failed = 'infernet_chain_intervals_total{state="failed"}'
    assert after[failed] == before[failed]


def test_a_proof_that_is_judged_at_once_is_paid_at_once(world: World, chain: Chain) -> None:
    market, own = world.market, world.node.wallet["payment_address"]
    market.fund(own, before := 10 * PRICE)
    atomic = verifier(chain, mode=1)

    world.until_delivered(market.request(Terms(market.paying_wallet(), verifier=atomic)))

    assert chain.call(atomic, Function("lastProof", (), ("bytes",))).hex() == PROOF
    # Nothing is locked any more.
    assert market.withdrawable_by_node(own, before + PRICE)


def test_a_proof_that_is_judged_later_is_paid_later(world: World, chain: Chain) -> None:
    market, own = world.market, world.node.wallet["payment_address"]
    market.fund(own, before := 10 * PRICE)
    optimistic = verifier(chain, mode=0)
    subscription_id = market.request(Terms(market.paying_wallet(), verifier=optimistic))
    world.until_delivered(subscription_id)
    assert market.withdrawable_by_node(own, before - PRICE)
    assert not market.withdrawable_by_node(own, before)

    verdict = Function("verdict", ("uint32", "uint32", "address", "bool"))
    chain.send(optimistic, verdict, subscription_id, 1, NODE, True)

    eventually(lambda: market.withdrawable_by_node(own, before + PRICE), "paid and unlocked")


def test_a_consumer_that_admits_the_node_is_answered(world: World, chain: Chain) -> None:
    add_consumer(chain, "AllowlistedChat", ("address[]",), [NODE])

    subscription_id = chain.ask("do you know me?", "AllowlistedChat")
    world.until_delivered(subscription_id)

    assert chain.answer(subscription_id, "AllowlistedChat") == "echo: do you know me?"


def test_for_a_consumer_that_admits_others_only_nothing_is_computed(
    world: World, chain: Chain
) -> None:
    add_consumer(chain, "AllowlistedChat", ("address[]",), [DEPLOYER])

    subscription_id = chain.ask("are you one of us?", "AllowlistedChat")
    world.until_logged(rf"node is not allowed to deliver this subscription.*id={subscription_id}\b")
    world.until_answered_later()

    assert chain.deliveries(subscription_id) == 0
    assert world.asked("are you one of us?") == 0


@pytest.mark.parametrize("frequency", [1, 2], ids=["one-off", "recurring"])
def test_a_signed_request_is_answered_as_often_as_it_asks(
    world: World, chain: Chain, frequency: int
) -> None:
    question = f"signed, {frequency}"
    later = Function("setQuestion", ("string",))
    owner = {"from": DEPLOYER}
    chain.send(chain.contracts["DelegatedChat"], later, f"later, {frequency}", **owner)
    expected = chain.next_id
    terms = signed(chain, frequency, period=PERIOD * (frequency - 1), frequency=frequency)

    body = terms.body(question)
    answer = requests.post(f"{world.node.url}/api/jobs", json=body, timeout=10)
    assert (answer.status_code, answer.json()) == (200, {})
    world.until_delivered(expected)
    if frequency == 2:
        world.let_a_period_pass()
        world.until_delivered(expected, 2)
    world.until_answered_later()

    assert chain.deliveries(expected) == frequency
    assert world.asked(question) == 1
    assert chain.scheduled_answer(expected, 1, "DelegatedChat") == f"echo: {question}"
    if frequency == 2:
        again = chain.scheduled_answer(expected, 2, "DelegatedChat")
        assert again == f"echo: later, {frequency}"
