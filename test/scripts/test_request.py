import json
import subprocess
from pathlib import Path

import pytest
from eth_account import Account
from web3 import Web3

from scripts.accounts import anvil_account
from scripts.stack import Stack
from test.scripts.conftest import Run

QUESTION = "Can shrimp actually fry rice fr?"
POOR_KEY = "0x" + "00" * 31 + "01"
"""The key 1: nobody's, and without funds."""


def error_of(done: subprocess.CompletedProcess[str]) -> str:
    """The one line that the script leaves on standard error."""
    lines = [line for line in done.stderr.splitlines() if line]
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_nobody_answers(run: Run, chain: Stack) -> None:
    done = run("request.py", QUESTION, "--timeout", "0.5", "--deployments", chain.deployments)
    assert done.returncode == 1
    assert done.stdout == ""
    assert error_of(done).startswith("Error: nobody answered subscription ")
    assert "within 0.5 s: is a node running" in done.stderr


def test_no_rpc(run: Run) -> None:
    done = run("request.py", QUESTION, "--rpc-url", "http://127.0.0.1:9")
    assert done.returncode == 1
    assert "no Ethereum RPC answers at http://127.0.0.1:9" in error_of(done)


def test_something_else_than_an_rpc(run: Run, chain: Stack) -> None:
    done = run("request.py", QUESTION, "--rpc-url", "not a url")
    assert done.returncode == 1
    assert "no Ethereum RPC answers at not a url" in error_of(done)


def test_wrong_chain(run: Run, chain: Stack) -> None:
    done = run("request.py", QUESTION, "--chain-id", "1")
    assert done.returncode == 1
    assert f"{chain.rpc_url} is on chain 31337, not 1" in error_of(done)


def test_nothing_deployed(run: Run, tmp_path: Path) -> None:
    done = run("request.py", QUESTION, "--deployments", tmp_path)
    assert done.returncode == 1
    assert "no deployment is known on chain 31337; run scripts/deploy.py" in error_of(done)


def test_no_contract_at_the_address(run: Run) -> None:
    done = run("request.py", QUESTION, "--consumer", "0x" + "12" * 20)
    assert done.returncode == 1
    assert "--consumer: there is no contract at 0x1212" in error_of(done)


def test_no_address(run: Run) -> None:
    done = run("request.py", QUESTION, "--consumer", "0x12")
    assert done.returncode == 2
    assert "Invalid value for '--consumer': '0x12' is not an address" in done.stderr


def test_a_contract_that_is_no_consumer(run: Run, chain: Stack) -> None:
    done = run("request.py", QUESTION, "--consumer", chain.contracts["Registry"].address)
    assert done.returncode == 1
    assert "calling chatWithLLM would revert" in error_of(done)


def test_out_of_funds(run: Run, chain: Stack) -> None:
    done = run("request.py", QUESTION, "--deployments", chain.deployments, PRIVATE_KEY=POOR_KEY)
    assert done.returncode == 1
    address = Account.from_key(POOR_KEY).address
    assert f"out of funds: {address} holds 0 ether" in error_of(done)


def test_a_bad_key_is_not_repeated(run: Run, chain: Stack) -> None:
    done = run("request.py", QUESTION, PRIVATE_KEY="0xnotakey")
    assert done.returncode == 1
    assert error_of(done).startswith("Error: PRIVATE_KEY: not a private key")
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


def test_a_wrong_keystore_password(run: Run, tmp_path: Path) -> None:
    keystore, password = tmp_path / "key.json", tmp_path / "password"
    keystore.write_text(json.dumps(anvil_account(8).encrypt("correct", kdf="pbkdf2", iterations=2)))
    password.write_text("wrong")
    done = run("request.py", QUESTION, "--keystore", keystore, "--password-file", password)
    assert done.returncode == 1
    assert "wrong password, or not a V3 keystore" in error_of(done)


def chain_nonce(chain: Stack, address: str) -> int:
    web3 = Web3(Web3.HTTPProvider(chain.rpc_url))
    return web3.eth.get_transaction_count(Web3.to_checksum_address(address))


@pytest.mark.parametrize("script", ["request.py", "deploy.py"])
def test_help_names_every_way_to_sign(run: Run, script: str) -> None:
    done = run(script, "--help")
    assert done.returncode == 0
    for word in ("--rpc-url", "--keystore", "PRIVATE_KEY", "Anvil", "--chain-id"):
        assert word in done.stdout
