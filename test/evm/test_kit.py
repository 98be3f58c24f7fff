"""The kit for authors on py-evm, used as an author uses it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias
from zipfile import ZipFile

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from web3 import Web3
from web3.contract import Contract
from web3.types import Wei

from infernet_protocol.output import encode_text
from infernet_protocol.subscription import ZERO_ADDRESS
from infernet_testing import ArtifactError, Refusal, RefusedError
from infernet_testing.artifacts import CORE, core
from infernet_testing.eth_tester import Web3Infernet
from scripts import artifacts
from scripts.artifacts import OUT, ROOT

PRICE = 10**18
MISPLACED = keccak(text="Misplaced(address,(uint256,string))")[:4]
Deploy: TypeAlias = Callable[..., Contract]


@pytest.fixture
def deploy(infernet: Web3Infernet) -> Deploy:
    def deploy(name: str, *args: Any) -> Contract:
        path = OUT / f"{name}.sol" / f"{name}.json"
        return infernet.deploy(path, infernet.registry, *args)

    return deploy


@pytest.fixture
def scheduled(infernet: Web3Infernet, deploy: Deploy) -> Contract:
    """Three questions, a minute each; the first minute has begun."""
    consumer = deploy("ScheduledChat", "container")
    consumer.functions.schedule(["one?", "two?", "three?"], 60, 2).transact()
    infernet.wait_for_interval(1, 1)
    return consumer


@pytest.fixture
def echo(deploy: Deploy) -> Contract:
    """A question whose consumer refuses every answer with that answer's bytes."""
    consumer = deploy("EchoingConsumer")
    consumer.functions.request().transact()
    return consumer


@pytest.mark.parametrize("name", CORE)
def test_the_kit_brings_what_forge_builds(name: str) -> None:
    built = artifacts.load(name)
    same = core(name).code == built.bytecode and list(core(name).abi) == built.abi
    assert same, f"{name} of the kit is stale: run `make abis`"


def test_a_consumer_is_answered(scheduled: Contract, infernet: Web3Infernet) -> None:
    infernet.answer(1, "42")
    assert scheduled.functions.answer(1, 1, 1).call() == "42"


def test_a_second_answer_is_refused_unless_it_was_asked_for(
    scheduled: Contract, infernet: Web3Infernet
) -> None:
    infernet.answer(1, "42")
    assert infernet.refusal(1, "43").name == "NodeRespondedAlready"
    infernet.answer(1, "44", by=infernet.accounts[3])
    assert infernet.refusal(1, "45", by=infernet.accounts[4]).name == "IntervalCompleted"
    assert scheduled.functions.answer(1, 1, 2).call() == "44"


def test_an_answer_comes_late(scheduled: Contract, infernet: Web3Infernet) -> None:
    assert infernet.interval(1) == 1
    infernet.wait_for_interval(1, 3)
    assert infernet.interval(1) == 3
    assert infernet.refusal(1, "late", interval=1).name == "IntervalMismatch"
    infernet.answer(1, "in time")
    assert scheduled.functions.answer(1, 3, 1).call() == "in time"


def test_an_interval_ends_with_its_last_second(scheduled: Contract, infernet: Web3Infernet) -> None:
    begin = infernet.subscription(1).active_at
    infernet.chain.wait_until(begin + 59)
    infernet.answer(1, "in the last second")
    infernet.wait_for_interval(1, 2)
    assert infernet.chain.now() == begin + 60
    infernet.answer(1, "in the first")
    assert scheduled.functions.answer(1, 2, 1).call() == "in the first"


def test_every_test_begins_before_the_others(infernet: Web3Infernet) -> None:
    assert infernet.last_id == 0
    assert infernet.refusal(1, "42").name == "SubscriptionNotFound"


@pytest.mark.parametrize(
    ("data", "name", "args", "shown"),
    [
        (b"", "", (), "no revert data"),
        (keccak(text="NotAnswered()")[:4], "0x1c73a2a1", (), "0x1c73a2a1()"),
        (keccak(text="Unauthorized()")[:4], "Unauthorized", (), "Unauthorized()"),
        (
            keccak(text="Error(string)")[:4] + encode(["string"], ["b'no"]),
            "Error",
            ("b'no",),
            'Error("b\'no")',
        ),
        (
            MISPLACED + encode(["address", "(uint256,string)"], [ZERO_ADDRESS, (7, "top")]),
            "Misplaced",
            (ZERO_ADDRESS, (7, "top")),
            f"Misplaced('{ZERO_ADDRESS}', (7, 'top'))",
        ),
        (MISPLACED + b"\1", "Misplaced", (), "Misplaced()"),
    ],
    ids=["empty", "unknown", "of the core", "text", "arguments", "damaged arguments"],
)
def test_a_refusal_says_what_the_consumer_said(
    echo: Contract,
    infernet: Web3Infernet,
    data: bytes,
    name: str,
    args: tuple[Any, ...],
    shown: str,
) -> None:
    refusal = infernet.deliver(1, data)
    assert refusal == Refusal(name, args, data)
    assert str(refusal) == shown
    assert infernet.interval(1) == 1


def test_a_failed_check_of_the_consumer_is_a_panic(echo: Contract, infernet: Web3Infernet) -> None:
    refusal = infernet.deliver(1, b"!")
    assert refusal is not None
    assert (refusal.name, refusal.args) == ("Panic", (0x32,))


def test_a_node_is_paid(infernet: Web3Infernet, deploy: Deploy) -> None:
    consumer = deploy("PaidChat", "container", ZERO_ADDRESS, PRICE)
    fee = infernet.fee.functions.updateFee(500)
    fee.transact({"from": infernet.deployer})
    consumer.functions.chatWithLLM(encode_text("Why?")).transact({"value": Wei(PRICE)})
    infernet.answer(1, "42")
    assert infernet.wei(infernet.node_wallet) == PRICE * 9 // 10


def test_a_wallet_with_too_little_refuses_the_answer(
    infernet: Web3Infernet, deploy: Deploy
) -> None:
    consumer = deploy("RecordingConsumer")
    wallet = infernet.funded_wallet(consumer, PRICE)
    terms = ("container", 1, 0, 2, False, ZERO_ADDRESS, PRICE, wallet.address, ZERO_ADDRESS)
    consumer.functions.subscribe(terms).transact()
    infernet.answer(1, "42")
    assert infernet.wei(wallet) == 0
    second = infernet.refusal(1, "43", by=infernet.accounts[3])
    assert second.name == "InsufficientAllowance"


def test_a_verifier_judges_the_proof(infernet: Web3Infernet, web3: Web3, deploy: Deploy) -> None:
    verifier, consumer = deploy("TestVerifier", infernet.accounts[4]), deploy("RecordingConsumer")
    verifier.functions.support(ZERO_ADDRESS, PRICE // 10).transact()
    web3.eth.send_transaction({"to": infernet.node_wallet.address, "value": Wei(PRICE)})
    collateral = infernet.node_wallet.functions.approve(infernet.node, ZERO_ADDRESS, PRICE)
    collateral.transact({"from": infernet.node})
    wallet = infernet.funded_wallet(consumer, PRICE).address
    terms = ("container", 1, 0, 1, False, ZERO_ADDRESS, PRICE, wallet, verifier.address)
    consumer.functions.subscribe(terms).transact()

    infernet.answer(1, "42", proof=b"proof")
    verifier.functions.verdict(1, 1, infernet.node, False).transact()

    assert infernet.wei(infernet.node_wallet) == 0
    assert infernet.wei(wallet) == PRICE * 19 // 10


def test_a_lazy_answer_lies_in_the_inbox(infernet: Web3Infernet, deploy: Deploy) -> None:
    consumer = deploy("LazyChat", "container")
    consumer.functions.chatWithLLM(encode_text("Why?")).transact()
    refusal = infernet.deliver(1, b"no answer at all")
    assert refusal is not None
    assert refusal.name == "UnreadableAnswer"
    infernet.answer(1, "42")
    item = infernet.inbox.functions.read(
        infernet.subscription(1).container_id, infernet.node, 0
    ).call()
    assert item[1:3] == (1, 1)
    assert consumer.functions.answer(1).call() == "42"


def test_input_and_proof_reach_the_consumer(infernet: Web3Infernet, deploy: Deploy) -> None:
    consumer = deploy("RecordingConsumer")
    terms = ("container", 1, 0, 1, False, ZERO_ADDRESS, 0, ZERO_ADDRESS, ZERO_ADDRESS)
    consumer.functions.subscribe(terms).transact()
    assert infernet.deliver(1, b"out", input=b"in", proof=b"proof") is None
    seen = consumer.functions.delivery(0).call()
    assert seen[3:7] == (infernet.node, b"in", b"out", b"proof")


def test_a_test_that_expects_the_wrong_thing_fails(
    scheduled: Contract, infernet: Web3Infernet
) -> None:
    with pytest.raises(RefusedError, match=r"^the answer was accepted$"):
        infernet.refusal(1, "42")
    with pytest.raises(RefusedError, match=r"^the answer was refused: NodeRespondedAlready\(\)$"):
        infernet.answer(1, "43")


def test_a_clock_does_not_run_backwards(scheduled: Contract, infernet: Web3Infernet) -> None:
    infernet.wait_for_interval(1, 3)
    with pytest.raises(ValueError, match=r"^interval 2 of subscription 1 is over$"):
        infernet.wait_for_interval(1, 2)
    infernet.wait_for_interval(1, 3)


@pytest.mark.parametrize(("subscription_id", "interval"), [(1, 0), (1, 2), (2, 1)])
def test_an_interval_that_does_not_exist(
    echo: Contract, infernet: Web3Infernet, subscription_id: int, interval: int
) -> None:
    with pytest.raises(ValueError, match=f"subscription {subscription_id} has no interval"):
        infernet.wait_for_interval(subscription_id, interval)


def test_a_constructor_that_reverts(infernet: Web3Infernet) -> None:
    path = OUT / "EchoingConsumer.sol" / "EchoingConsumer.json"
    with pytest.raises(RefusedError, match=r"^the constructor of EchoingConsumer reverted: "):
        infernet.deploy(path, infernet.node)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "is missing: compile the contract first"),
        ("{", "is no JSON artifact of a contract: it has no abi"),
        ("[]", "is no JSON artifact of a contract: it has no abi"),
        ('{"abi": [], "bytecode": {"object": "0x"}}', "has no creation code: is the contract"),
        ('{"abi": []}', "has no creation code: is the contract"),
        ('{"abi": [], "bytecode": "0x60__$3f$__"}', "has libraries that are not linked"),
    ],
)
def test_a_file_that_cannot_be_deployed(
    tmp_path: Path, infernet: Web3Infernet, content: str | None, said: str
) -> None:
    path = tmp_path / "Chat.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ArtifactError, match=f"Chat.json {said}"):
        infernet.deploy(path)


@pytest.mark.parametrize("compiler", ["forge", "hardhat", "ape", "solc"])
def test_what_any_compiler_wrote_is_deployed(
    tmp_path: Path, infernet: Web3Infernet, compiler: str
) -> None:
    fee = artifacts.load("Fee")
    codes: dict[str, dict[str, Any]] = {
        "forge": {"bytecode": {"object": fee.bytecode}},
        "hardhat": {"bytecode": fee.bytecode},
        "ape": {"deploymentBytecode": {"bytecode": fee.bytecode}},
        "solc": {"evm": {"bytecode": {"object": fee.bytecode.removeprefix("0x")}}},
    }
    path = tmp_path / "Fee.json"
    path.write_text(json.dumps({"abi": fee.abi, **codes[compiler]}))
    deployed = infernet.deploy(str(path), infernet.node, 7, by=infernet.accounts[4])
    assert deployed.functions.FEE().call() == 7


def test_the_wheel_brings_the_code_along(tmp_path: Path) -> None:
    command = ["-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([sys.executable, *command, "--wheel-dir", tmp_path, ROOT], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    packed = set(ZipFile(wheel).namelist())
    assert packed >= {f"infernet_testing/code/{name}.hex" for name in CORE}
    assert packed >= {f"infernet_protocol/abi/{name}.json" for name in CORE}
    assert "infernet_testing/py.typed" in packed
