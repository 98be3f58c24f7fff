import json
import subprocess
import sys
from pathlib import Path

import pytest
from eth_account import Account
from web3 import Web3

from scripts.accounts import NODE, REQUESTER, anvil_account
from scripts.stack import ROOT, Stack
from test.scripts.conftest import Run

QUESTION = "Can shrimp actually fry rice fr?"
POOR_KEY = "0x" + "00" * 31 + "01"
"""The key 1: nobody's, and without funds."""


def test_nobody_answers(run: Run, chain: Stack) -> None:
    done = run("request.py", QUESTION, "--timeout", "0.5", "--deployments", chain.deployments)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.error.startswith("Error: nobody answered subscription ")
    assert "within 0.5 s: is a node running" in done.stderr


@pytest.mark.parametrize(
    ("question", "message"),
    [("caf\udce9", "not UTF-8 text"), ("", "empty; type something"), (" \t", "empty; type some")],
)
def test_a_question_that_cannot_be_asked_costs_nothing(
    invoke: Run, chain: Stack, question: str, message: str
) -> None:
    before = chain_nonce(chain, anvil_account(REQUESTER).address)
    done = invoke("request.py", question, "--deployments", chain.deployments, "--timeout", "0")
    assert done.returncode == 2
    assert f"Invalid value for 'QUESTION': {message}" in done.stderr
    assert chain_nonce(chain, anvil_account(REQUESTER).address) == before


def test_bytes_of_the_command_line_that_are_no_text(chain: Stack) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "request.py", b"caf\xe9"], capture_output=True
    )
    assert done.returncode == 2
    assert b"not UTF-8 text" in done.stderr
    assert b"Traceback" not in done.stderr


def test_an_own_answer_that_is_no_text(invoke: Run) -> None:
    done = invoke("request.py", QUESTION, "--answer", "caf\udce9")
    assert done.returncode == 2
    assert "Invalid value for '--answer': not UTF-8 text" in done.stderr


@pytest.mark.parametrize(
    ("script", "name"), [("delegate.py", "QUESTION"), ("subscribe.py", "QUESTIONS")]
)
def test_the_other_scripts_refuse_it_too(invoke: Run, script: str, name: str) -> None:
    done = invoke(script, " ")
    assert done.returncode == 2
    assert "empty; type something" in done.stderr
    assert name in done.stderr


def test_no_rpc(run: Run) -> None:
    done = run("request.py", QUESTION, "--rpc-url", "http://127.0.0.1:9")
    assert done.returncode == 1
    assert "no Ethereum RPC answers at http://127.0.0.1:9" in done.error


def test_something_else_than_an_rpc(invoke: Run, chain: Stack) -> None:
    done = invoke("request.py", QUESTION, "--rpc-url", "not a url")
    assert done.returncode == 1
    assert "no Ethereum RPC answers at not a url" in done.error


def test_wrong_chain(invoke: Run, chain: Stack) -> None:
    done = invoke("request.py", QUESTION, "--chain-id", "1")
    assert done.returncode == 1
    assert f"{chain.rpc_url} is on chain 31337, not 1" in done.error


def test_nothing_deployed(invoke: Run, tmp_path: Path) -> None:
    done = invoke("request.py", QUESTION, "--deployments", tmp_path)
    assert done.returncode == 1
    assert "no deployment is known on chain 31337; run scripts/deploy.py" in done.error


def test_no_contract_at_the_address(invoke: Run) -> None:
    done = invoke("request.py", QUESTION, "--consumer", "0x" + "12" * 20)
    assert done.returncode == 1
    assert "--consumer: there is no contract at 0x1212" in done.error


def test_no_address(invoke: Run) -> None:
    done = invoke("request.py", QUESTION, "--consumer", "0x12")
    assert done.returncode == 2
    assert "Invalid value for '--consumer': '0x12' is not an address" in done.stderr


def test_a_contract_that_is_no_consumer(invoke: Run, chain: Stack) -> None:
    registry = chain.contracts["Registry"].address
    done = invoke("request.py", QUESTION, "--consumer", registry)
    assert done.returncode == 1
    assert f"without a reason; is {registry} the contract that you mean?" in done.error


def test_out_of_funds(invoke: Run, chain: Stack) -> None:
    done = invoke("request.py", QUESTION, "--deployments", chain.deployments, PRIVATE_KEY=POOR_KEY)
    assert done.returncode == 1
    address = Account.from_key(POOR_KEY).address
    assert f"out of funds: {address} holds 0 ether" in done.error


def test_a_bad_key_is_not_repeated(invoke: Run, chain: Stack) -> None:
    done = invoke("request.py", QUESTION, PRIVATE_KEY="0xnotakey")
    assert done.returncode == 1
    assert done.error.startswith("Error: PRIVATE_KEY: not a private key")
    assert "notakey" not in done.stderr


def test_a_keystore_signs(run: Run, chain: Stack, tmp_path: Path) -> None:
    account = anvil_account(8)
    keystore, password = tmp_path / "key.json", tmp_path / "password"
    keystore.write_text(json.dumps(account.encrypt("correct", kdf="pbkdf2", iterations=2)))
    password.write_text("correct\n")
    before = chain_nonce(chain, account.address)
    options = ("--keystore", keystore, "--password-file", password, "--timeout", "0")
    run("request.py", QUESTION, "--deployments", chain.deployments, *options)
    assert chain_nonce(chain, account.address) == before + 1


def test_a_wrong_keystore_password(invoke: Run, tmp_path: Path) -> None:
    keystore, password = tmp_path / "key.json", tmp_path / "password"
    keystore.write_text(json.dumps(anvil_account(8).encrypt("correct", kdf="pbkdf2", iterations=2)))
    password.write_text("wrong")
    done = invoke("request.py", QUESTION, "--keystore", keystore, "--password-file", password)
    assert done.returncode == 1
    assert "wrong password, or not a V3 keystore" in done.error


def chain_nonce(chain: Stack, address: str) -> int:
    web3 = Web3(Web3.HTTPProvider(chain.rpc_url))
    return web3.eth.get_transaction_count(Web3.to_checksum_address(address))


def test_the_path_of_an_endpoint_is_not_repeated(invoke: Run) -> None:
    done = invoke("request.py", QUESTION, "--rpc-url", "http://user:pw@127.0.0.1:9/v2/secret")
    assert done.returncode == 1
    assert "no Ethereum RPC answers at http://127.0.0.1:9 (" in done.error
    assert "secret" not in done.stderr
    assert "pw" not in done.stderr


def test_you_can_play_the_node_yourself(run: Run, chain: Stack) -> None:
    options = ("--deployments", chain.deployments, "--json", "--answer", "Yes.")
    done = run("request.py", QUESTION, *options)
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert (shown["question"], shown["answer"]) == (QUESTION, "Yes.")
    assert shown["node"] == anvil_account(NODE).address
    assert shown["delivered"]["block"] == shown["requested"]["block"] + 1


def test_a_registry_serves_where_nothing_is_recorded(
    run: Run, chain: Stack, tmp_path: Path
) -> None:
    registry = chain.contracts["Registry"].address
    done = run("deploy.py", "--verify-only", "--registry", registry, "--deployments", tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("chain 31337: 6 contracts in place, fee 0.00 % to 0x")


def test_a_registry_that_is_none(invoke: Run, chain: Stack) -> None:
    fee = chain.contracts["Fee"].address
    done = invoke("deploy.py", "--verify-only", "--registry", fee)
    assert done.returncode == 1
    assert done.error == f"Error: --registry: the contract at {fee} is no Registry"


@pytest.mark.parametrize(
    "arguments",
    [
        ("request.py",),
        ("deploy.py",),
        ("subscribe.py",),
        ("delegate.py",),
        *(("wallet.py", command) for command in ("create", "fund", "approve", "withdraw")),
    ],
)
def test_help_names_every_way_to_sign(invoke: Run, arguments: tuple[str, ...]) -> None:
    done = invoke(*arguments, "--help")
    assert done.returncode == 0
    for word in ("--rpc-url", "--keystore", "PRIVATE_KEY", "Anvil", "--chain-id", "--network"):
        assert word in done.stdout


@pytest.mark.parametrize(
    "script", ["request.py", "deploy.py", "subscribe.py", "delegate.py", "wallet.py", "watch.py"]
)
def test_help_teaches_by_example(invoke: Run, script: str) -> None:
    assert f"python scripts/{script}" in invoke(script, "--help").stdout


def test_a_script_is_a_module_too(chain: Stack) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "scripts.watch", "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.stdout.startswith("Usage: python -m scripts.watch [OPTIONS]")
