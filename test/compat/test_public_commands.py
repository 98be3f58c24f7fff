"""Existing command lines work unchanged: the public commands against our node and contracts."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from time import time
from typing import Any

import pytest
from web3.contract import Contract

from infernet_client.chain.abis import WALLET_ABI
from infernet_protocol.abis import abi
from infernet_protocol.lenient_json import loads
from scripts.accounts import anvil_account
from scripts.chain import Sender
from scripts.delegation import created_id
from scripts.deployment import CONTAINER, create
from scripts.stack import ROOT, Stack
from test.compat.public import FIRST, LAST, Package, each_package
from test.e2e.conftest import eventually, fulfilments
from test.support.mock_tgi import MockTGI

pytestmark = pytest.mark.e2e

SAMPLES = ROOT / "client" / "samples"
QUESTION = "Can shrimp actually fry rice fr?"
OWNER = anvil_account(9)
SPENDER = anvil_account(3).address
ZERO = "0x" + "00" * 20

Run = Callable[..., str]


@pytest.fixture
def run(stack: Stack, tmp_path: Path) -> Callable[[Package], Run]:
    """Runs commands of a package, which must succeed, and returns what they print."""

    def commands(package: Package) -> Run:
        def run_one(*arguments: str, **env: str) -> str:
            done = subprocess.run(
                [str(package.command), *arguments],
                env={**package.env, "SERVER_URL": stack.node_url, "RPC_URL": stack.rpc_url, **env},
                input=(SAMPLES / "input.json").read_text(),
                cwd=tmp_path,
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout

        return run_one

    return commands


@each_package
def test_jobs_results_and_streams(
    package: Package, run: Callable[[Package], Run], tgi: MockTGI
) -> None:
    client = run(package)

    assert client("health") == "healthy\n"
    assert json.loads(client("info"))["containers"][0]["id"] == CONTAINER
    answer = json.loads(client("job", "-c", CONTAINER, "--sync", "--retries", "30"))
    job_id = client("job", "-c", CONTAINER).strip()
    (result,) = eventually(
        lambda: _finished(json.loads(client("results", "--id", job_id))), "the job is finished"
    )
    told, _, text = client("stream", "-c", CONTAINER).partition("\n")

    assert result["result"] == {"container": CONTAINER, "output": answer}
    assert re.fullmatch(r"Job ID: [0-9a-f-]{36}", told.strip())
    assert text.strip() == answer["output"].strip()
    assert job_id in json.loads(client("ids"))
    assert {call.json["inputs"] for call in tgi.generations} == {QUESTION}


def _finished(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [result for result in results if result["status"] == "success"]


def test_what_only_the_last_release_asks(run: Callable[[Package], Run], stack: Stack) -> None:
    client = run(LAST)

    resources = json.loads(client("resources", "--node", stack.node_url))
    support = json.loads(client("check-model", "--node", stack.node_url, "-m", "org/none"))

    assert resources[CONTAINER]["service_id"]
    assert support[CONTAINER]["supported"] is False


@each_package
def test_a_delegated_subscription(
    package: Package,
    run: Callable[[Package], Run],
    stack: Stack,
    requester: Sender,
    coordinator: Contract,
    tmp_path: Path,
    tgi: MockTGI,
) -> None:
    registry = stack.contracts["Registry"].address
    owner = create(requester, "DelegatedChat", registry, OWNER.address).address
    parameters = loads((SAMPLES / "params.json").read_text())
    # Its parameter files know no comments.
    parameters |= {"owner": owner, "containers": [CONTAINER], "period": 0, "frequency": 1}
    (tmp_path / "params.json").write_text(json.dumps(parameters))
    (tmp_path / "key-file.txt").write_text(OWNER.key.hex())

    printed = run(package)(
        *("sub", "--address", coordinator.address, "--expiry", str(int(time()) + 60)),
        *("--key", "key-file.txt", "--params", "params.json", "--nonce", "5"),
    )

    assert printed == "Success: Subscription created.\n"
    created = eventually(lambda: created_id(coordinator, owner, 5), "the subscription is created")
    eventually(lambda: fulfilments(coordinator, created), "the subscription is answered")
    consumer = requester.web3.eth.contract(owner, abi=abi("DelegatedChat"))
    assert consumer.functions.answer(created, 1, 1).call()
    assert tgi.generations[0].json["inputs"] == QUESTION


@each_package
def test_wallets(
    package: Package, run: Callable[[Package], Run], stack: Stack, requester: Sender
) -> None:
    client = run(package)
    key = {"PRIVATE_KEY": "0x" + OWNER.key.hex().removeprefix("0x")}
    factory = stack.contracts["WalletFactory"].address

    created = client("create-wallet", "--factory", factory, **key)
    address = re.findall(r"Address: (0x[0-9a-fA-F]{40})\n\tOwner: (0x[0-9a-fA-F]{40})", created)
    ((wallet, owner),) = address
    funded = client("fund", "-w", wallet, "-a", "1 ether", **key)
    approved = client("approve", "-w", wallet, "-s", SPENDER, "-a", "1000", **key)

    contract = requester.web3.eth.contract(
        requester.web3.to_checksum_address(wallet),
        abi=WALLET_ABI,
    )
    assert owner == OWNER.address
    assert funded.startswith("Success")
    assert approved.startswith(f"Success: approved spender: {SPENDER} for\n\tamount: 1000\n")
    assert contract.functions.allowance(SPENDER, ZERO).call() == 1000
    left = requester.web3.to_wei(1, "ether")
    assert requester.web3.eth.get_balance(contract.address) == left
    if package is not FIRST:  # which has no such command
        withdrawn = client("withdraw", "-w", wallet, "-a", "0.25 ether", **key)
        assert withdrawn.startswith("Success: withdrawal of amount: 0.25 ether\n")
        left = requester.web3.to_wei("0.75", "ether")
    assert requester.web3.eth.get_balance(contract.address) == left
