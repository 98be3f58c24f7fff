"""A signature instead of a transaction: the guide's command line and Python call."""

import random
import subprocess
from collections.abc import Iterator
from pathlib import Path
from time import time
from typing import Any

import pytest
from web3.contract import Contract

from infernet_client.chain_utils import RPC, ZERO_ADDRESS, Subscription
from infernet_client.node import NodeClient
from infernet_protocol.abis import abi
from scripts.accounts import NODE, anvil_account
from scripts.chain import Sender
from scripts.delegation import created_id
from scripts.deployment import CONTAINER, create
from scripts.stack import BIN, ROOT, Stack
from test.e2e.conftest import eventually, fulfilments
from test.support.anvil import Anvil
from test.support.mock_tgi import MockTGI

SAMPLES = ROOT / "client" / "samples"
QUESTION = "Can shrimp actually fry rice fr?"
LATER_QUESTION = "And later?"
# Accounts that nothing else in the stack uses.
SIGNER, STRANGER = anvil_account(5), anvil_account(6)


@pytest.fixture
def consumer(stack: Stack, requester: Sender) -> Contract:
    """A fresh DelegatedChat with a question for the intervals after the first."""
    created = create(
        requester, "DelegatedChat", stack.contracts["Registry"].address, SIGNER.address
    )
    contract: Contract = requester.web3.eth.contract(created.address, abi=abi("DelegatedChat"))
    requester.send(contract.functions.setQuestion(LATER_QUESTION), "storing a question")
    return contract


@pytest.fixture
def steps(stack: Stack, consumer: Contract) -> Iterator[Anvil]:
    """The stack's chain, whose blocks come when the test says so, each a second later.

    The guide's intervals last three seconds, in which a busy machine may not answer.
    """
    anvil = Anvil(stack.rpc_url)
    anvil.rpc("evm_setIntervalMining", 0)
    anvil.rpc("anvil_setBlockTimestampInterval", 1)
    yield anvil
    anvil.rpc("anvil_removeBlockTimestampInterval")
    anvil.rpc("evm_setIntervalMining", stack.block_time)
    anvil.close()


@pytest.fixture
def files(tmp_path: Path, consumer: Contract) -> Path:
    """The sample files, with owner and container filled in, and the signer's key."""
    parameters = (SAMPLES / "params.json").read_text()
    for placeholder, value in (
        ("0x00bd138aBd70e2F00903268F3DB08f2d25677C2b", consumer.address),
        ("SERVICE_NAME", CONTAINER),
    ):
        assert placeholder in parameters
        parameters = parameters.replace(placeholder, value)
    (tmp_path / "params.json").write_text(parameters)
    (tmp_path / "input.json").write_text((SAMPLES / "input.json").read_text())
    (tmp_path / "key-file.txt").write_text(SIGNER.key.hex().removeprefix("0x"))
    return tmp_path


def sub(stack: Stack, files: Path) -> subprocess.CompletedProcess[str]:
    """Runs the guide's line in the folder of its files."""
    return subprocess.run(
        [
            *(str(BIN / "infernet-client"), "sub", "--rpc_url", stack.rpc_url),
            *("--address", stack.contracts["EIP712Coordinator"].address),
            *("--expiry", str(int(time()) + 60), "--key", "key-file.txt"),
            *("--params", "params.json", "--input", "input.json"),
        ],
        cwd=files,
        env={"SERVER_URL": stack.node_url},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def answers(
    steps: Anvil, coordinator: Contract, consumer: Contract, nonce: int, count: int
) -> list[Any]:
    """Mines what the node sends, until a delegated subscription has so many deliveries."""
    account = anvil_account(NODE).address

    def sent(block: str) -> int:
        return int(steps.rpc("eth_getTransactionCount", account, block), 16)

    def delivered() -> list[Any]:
        if sent("pending") > sent("latest"):
            steps.mine()
        subscription_id = created_id(coordinator, consumer.address, nonce)
        found = fulfilments(coordinator, subscription_id) if subscription_id else []
        return found if len(found) >= count else []

    return eventually(delivered, f"{count} answers")


def both_answers(steps: Anvil, coordinator: Contract, consumer: Contract, nonce: int) -> list[Any]:
    """Has a delegated subscription answered in each interval; returns the two deliveries."""
    answers(steps, coordinator, consumer, nonce, count=1)
    steps.mine(2)  # the second interval begins
    return answers(steps, coordinator, consumer, nonce, count=2)


def test_the_line_of_the_guide_is_answered_in_both_intervals(
    stack: Stack,
    consumer: Contract,
    coordinator: Contract,
    files: Path,
    steps: Anvil,
    tgi: MockTGI,
) -> None:
    ended = sub(stack, files)

    assert (ended.returncode, ended.stdout) == (0, "Success: Subscription created.\n"), ended.stderr
    logs = both_answers(steps, coordinator, consumer, nonce=0)
    subscription_id = logs[0]["args"]["id"]
    active_at, period, frequency = coordinator.functions.getSubscription(subscription_id).call()[
        1:4
    ]
    assert (period, frequency) == (3, 2)
    times = [consumer.w3.eth.get_block(log["blockNumber"])["timestamp"] for log in logs]
    assert [(at - active_at) // period + 1 for at in times] == [1, 2]
    assert [call.json["inputs"] for call in tgi.generations] == [QUESTION, LATER_QUESTION]
    for interval in (1, 2):
        assert consumer.functions.answer(subscription_id, interval, 1).call()


async def test_the_python_call_of_the_guide_costs_the_signer_nothing(
    stack: Stack, consumer: Contract, coordinator: Contract, steps: Anvil, tgi: MockTGI
) -> None:
    eth = consumer.w3.eth
    before = eth.get_balance(SIGNER.address)
    nonce = random.randint(0, 2**32 - 1)

    await NodeClient(stack.node_url).request_delegated_subscription(
        sub=Subscription(
            owner=consumer.address,
            active_at=0,
            period=3,
            frequency=2,
            redundancy=2,
            containers=[CONTAINER],
            lazy=False,
            verifier=ZERO_ADDRESS,
            payment_amount=0,
            payment_token=ZERO_ADDRESS,
            wallet=ZERO_ADDRESS,
        ),
        rpc=RPC(stack.rpc_url),
        coordinator_address=coordinator.address,
        expiry=int(time() + 10),
        nonce=nonce,
        private_key=SIGNER.key.hex(),
        data={"text": QUESTION},
    )

    # The later interval as well, so that it does not reach into another test's record.
    first, _ = both_answers(steps, coordinator, consumer, nonce)
    assert first["args"]["node"] == anvil_account(NODE).address
    assert tgi.generations[0].json["inputs"] == QUESTION
    assert consumer.functions.answer(first["args"]["id"], 1, 1).call()
    assert eth.get_transaction(first["transactionHash"])["from"] == anvil_account(NODE).address
    assert eth.get_balance(SIGNER.address) == before
    assert eth.get_transaction_count(SIGNER.address) == 0


def test_a_key_that_is_not_the_signers_is_refused(
    stack: Stack, consumer: Contract, coordinator: Contract, files: Path, tgi: MockTGI
) -> None:
    (files / "key-file.txt").write_text(STRANGER.key.hex().removeprefix("0x"))

    ended = sub(stack, files)

    assert (ended.returncode, ended.stdout) == (1, "")
    refusal = ended.stderr.splitlines()[-1]
    assert refusal.startswith("Error: [405] Subscription signer mismatch")
    assert STRANGER.address in refusal
    assert created_id(coordinator, consumer.address, 0) == 0
    assert tgi.generations == []


def test_intervals_that_are_all_over_are_refused_with_the_terms(
    stack: Stack, consumer: Contract, coordinator: Contract, files: Path
) -> None:
    parameters = (files / "params.json").read_text()
    (files / "params.json").write_text(parameters.replace('"active_at": 0', '"active_at": 1'))

    ended = sub(stack, files)

    assert ended.returncode == 1
    refusal = ended.stderr.splitlines()[-1]
    assert refusal.startswith(
        "Error: [405] Subscription completed - [active_at=1, period=3, frequency=2, chain_time="
    )
