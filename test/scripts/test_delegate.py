import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from queue import Queue
from threading import Thread
from time import time
from typing import Any

import pytest
from web3.contract import Contract

from infernet_protocol.abis import abi
from infernet_protocol.delegation import Signature, recover
from infernet_protocol.hashing import container_id, delegation_key
from infernet_protocol.subscription import ZERO_ADDRESS, Subscription
from scripts.accounts import ANVIL_CHAIN_ID, REQUESTER, anvil_account
from scripts.chain import Sender
from scripts.deployment import CONTAINER, create
from scripts.stack import Stack
from test.scripts.conftest import Node, Run, Running
from test.support.anvil import Anvil
from test.support.waiting import SECONDS

QUESTION = "Can shrimp actually fry rice fr?"
SIGNER = anvil_account(REQUESTER)
OTHER_KEY = anvil_account(7).key.hex()
Start = Callable[..., Running]
Body = dict[str, Any]


class NodeServer(HTTPServer):
    """The REST interface of a node that keeps what is posted and answers as it is told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.posted: Queue[tuple[str, Body]] = Queue()
        self.status, self.answer = 200, b"{}"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def refuse(self, status: int, answer: bytes) -> None:
        self.status, self.answer = status, answer


class _Handler(BaseHTTPRequestHandler):
    server: NodeServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.posted.put((self.path, body))
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(self.server.answer)

    def log_message(self, *_: Any) -> None:
        """Keeps requests out of the test's output."""


@pytest.fixture
def server() -> Iterator[NodeServer]:
    with NodeServer() as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def consumer(chain: Stack, requester: Sender) -> Contract:
    """A DelegatedChat that the requester signs for."""
    registry = chain.contracts["Registry"].address
    created = create(requester, "DelegatedChat", registry, requester.address)
    return requester.web3.eth.contract(created.address, abi=abi("DelegatedChat"))


@pytest.fixture
def target(chain: Stack, consumer: Contract, server: NodeServer) -> tuple[str, ...]:
    """Options that name registry, consumer and node."""
    registry = chain.contracts["Registry"].address
    return ("--registry", registry, "--consumer", consumer.address, "--node-url", server.url)


def signed_by(body: Body, coordinator: Contract) -> str:
    """Whose signature a posted body carries."""
    wire = dict(body["subscription"])
    wire["container_id"] = bytes.fromhex(wire.pop("containers").removeprefix("0x"))
    return recover(
        Subscription(**wire),
        Signature(**body["signature"]),
        chain_id=ANVIL_CHAIN_ID,
        coordinator=coordinator.address,
    )


def stored(coordinator: Contract, body: Body) -> tuple[int, Subscription]:
    """The subscription that a body's signature created, with its id."""
    key = delegation_key(body["subscription"]["owner"], body["signature"]["nonce"])
    subscription_id = coordinator.functions.delegateCreatedIds(key).call()
    values = coordinator.functions.getSubscription(subscription_id).call()
    return subscription_id, Subscription.from_abi(values)


def test_a_signature_asks_and_the_answer_arrives_on_chain(
    start: Start, server: NodeServer, deployments: Path, node: Node, coordinator: Contract
) -> None:
    options = ("--deploy", "--node-url", server.url, "--deployments", deployments)
    script = start("delegate.py", *options, QUESTION)
    path, body = server.posted.get(timeout=SECONDS)

    assert path == "/api/jobs"
    assert body["data"] == {"text": QUESTION}
    assert signed_by(body, coordinator) == SIGNER.address
    node.deliver_delegated(body, 1, "Yes, and well.")

    done = script.rest()
    assert done.returncode == 0, done.stderr
    subscription_id, subscription = stored(coordinator, body)
    recorded = json.loads((deployments / "31337.json").read_text())["DelegatedChat"]["address"]
    assert subscription == Subscription(
        owner=recorded,
        active_at=0,
        period=0,
        frequency=1,
        redundancy=1,
        container_id=container_id(CONTAINER),
        lazy=False,
        verifier=ZERO_ADDRESS,
        payment_amount=0,
        payment_token=ZERO_ADDRESS,
        wallet=ZERO_ADDRESS,
    )
    lines = [line.split(maxsplit=1) for line in done.stdout.splitlines()]
    assert lines[0] == ["consumer", recorded]
    assert lines[1] == ["nonce", str(body["signature"]["nonce"])]
    assert lines[2][0] == "expires"
    assert lines[3] == ["subscription", str(subscription_id)]
    assert lines[4] == ["interval", "1    Yes, and well."]


def test_later_intervals_ask_the_question_that_is_stored(
    start: Start,
    server: NodeServer,
    target: tuple[str, ...],
    consumer: Contract,
    node: Node,
    coordinator: Contract,
    anvil: Anvil,
) -> None:
    options = ("--period", "100", "--frequency", "2", "--store-question", "--lazy", "--json")
    script = start("delegate.py", *options, *target, "--nonce", "7", QUESTION)
    _, body = server.posted.get(timeout=SECONDS)
    signed = script.event()
    # The script began interval 1 by the clock, which the chain's last block may be behind.
    anvil.mine_at(max(body["subscription"]["active_at"], anvil.timestamp + 1))
    node.deliver_delegated(body, 1, "one")
    created, first = script.event(), script.event()
    subscription_id, subscription = stored(coordinator, body)
    anvil.mine_at(subscription.interval_start(2))
    node.deliver(subscription_id, 2, "two")
    second = script.event()

    assert script.rest().returncode == 0
    assert signed == {
        "event": "signed",
        "consumer": consumer.address,
        "nonce": 7,
        "expiry": body["signature"]["expiry"],
    }
    assert created == {"event": "created", "subscription_id": subscription_id}
    assert [(e["interval"], e["answer"]) for e in (first, second)] == [(1, "one"), (2, "two")]
    assert (subscription.period, subscription.frequency, subscription.lazy) == (100, 2, True)
    assert consumer.functions.question().call() == QUESTION


def test_what_is_printed_can_be_posted_by_someone_else(
    run: Run, target: tuple[str, ...], coordinator: Contract, server: NodeServer
) -> None:
    terms = ("--redundancy", "3", "--pay", "1.5 gwei", "--token", "0x" + "33" * 20)
    wallet = ("--wallet", "0x" + "44" * 20)
    done = run("delegate.py", "--print", *target, *terms, *wallet, QUESTION)
    assert done.returncode == 0, done.stderr
    body = json.loads(done.stdout)
    assert signed_by(body, coordinator) == SIGNER.address
    assert body["subscription"]["payment_amount"] == 1_500_000_000
    assert body["subscription"]["payment_token"] == "0x" + "33" * 20
    assert body["subscription"]["wallet"] == "0x" + "44" * 20
    assert body["subscription"]["redundancy"] == 3
    assert server.posted.empty()


def test_a_used_nonce_is_refused(
    invoke: Run, target: tuple[str, ...], coordinator: Contract, node: Node
) -> None:
    options = (*target, "--nonce", "5", "--print")
    body = json.loads(invoke("delegate.py", *options, QUESTION).stdout)
    node.deliver_delegated(body, 1, "Yes.")
    done = invoke("delegate.py", *options, QUESTION)
    assert done.returncode == 1
    subscription_id, subscription = stored(coordinator, body)
    taken = f"nonce 5 of {subscription.owner} made subscription {subscription_id} already"
    assert taken in done.error


@pytest.mark.parametrize(
    ("status", "answer", "message"),
    [
        (
            405,
            b'{"error": "Container not supported", "params": {"container": "x", "sub": {}}}',
            "Container not supported (container: x)",
        ),
        (405, b'{"error": "Signature expired"}', "Signature expired"),
        (429, b"Too Many Requests", "HTTP 429"),
    ],
)
def test_a_refusal_is_handed_on(
    invoke: Run,
    server: NodeServer,
    target: tuple[str, ...],
    status: int,
    answer: bytes,
    message: str,
) -> None:
    server.refuse(status, answer)
    done = invoke("delegate.py", *target, QUESTION)
    assert done.returncode == 1
    assert done.error == f"Error: the node at {server.url} refuses: {message}"
    assert done.stdout == ""


def test_no_node(invoke: Run, target: tuple[str, ...]) -> None:
    done = invoke("delegate.py", *target, "--node-url", "http://127.0.0.1:9", QUESTION)
    assert done.returncode == 1
    assert "no node answers at http://127.0.0.1:9 (ConnectionError)" in done.error


def test_a_node_that_takes_the_request_and_does_nothing(
    invoke: Run, target: tuple[str, ...]
) -> None:
    done = invoke("delegate.py", *target, "--timeout", "0", QUESTION)
    assert done.returncode == 1
    assert "the node took the request, but no subscription was made within 0 s" in done.error


def test_without_waiting(
    invoke: Run, server: NodeServer, target: tuple[str, ...], anvil: Anvil
) -> None:
    before = max(int(time()), anvil.timestamp)
    done = invoke("delegate.py", *target, "--no-wait", "--expires-in", "30", QUESTION)
    after = max(int(time()), anvil.timestamp)
    assert done.returncode == 0
    _, body = server.posted.get(timeout=SECONDS)
    assert [line.split()[0] for line in done.stdout.splitlines()] == [
        "consumer",
        "nonce",
        "expires",
    ]
    assert before + 30 <= body["signature"]["expiry"] <= after + 30


def test_another_signs_for_the_consumer(
    invoke: Run, target: tuple[str, ...], consumer: Contract
) -> None:
    done = invoke("delegate.py", *target, QUESTION, PRIVATE_KEY=OTHER_KEY)
    assert done.returncode == 1
    assert f"{SIGNER.address} signs for {consumer.address}, not 0x" in done.error
    assert OTHER_KEY not in done.stderr


def test_a_contract_without_signer(invoke: Run, chain: Stack) -> None:
    registry = chain.contracts["Registry"].address
    done = invoke("delegate.py", "--registry", registry, "--consumer", registry, QUESTION)
    assert done.returncode == 1
    assert f"{registry} names no signer: it is no DelegatedChat" in done.error


def test_later_intervals_need_a_stored_question(
    invoke: Run, target: tuple[str, ...], consumer: Contract
) -> None:
    done = invoke("delegate.py", *target, "--period", "60", "--frequency", "2", QUESTION)
    assert done.returncode == 1
    assert f"{consumer.address} holds no question for the intervals after the first" in done.error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--frequency", "2"), "--period: at least 1 where there are several intervals"),
        (("--pay", "1 ether"), "--pay: name the --wallet that pays"),
        (("--container", "a,,b"), "--container: containers: at least one name is needed"),
        (("--deploy", "--consumer", "0x" + "12" * 20), "--deploy makes a new contract"),
        (("--nonce", str(2**32)), "'--nonce': 4294967296 is not in the range"),
    ],
)
def test_wrong_usage_is_named(invoke: Run, arguments: tuple[str, ...], message: str) -> None:
    done = invoke("delegate.py", *arguments, QUESTION)
    assert done.returncode == 2
    assert message in done.stderr
