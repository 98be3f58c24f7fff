"""Wallet commands on a real chain: exact texts, exact amounts, named failures."""

import json
import re

import pytest

from infernet_client.chain.abis import ERC20_ABI, WALLET_ABI
from infernet_client.chain.token import ZERO_ADDRESS
from test.client.command_line import Ended, run
from test.client.deployed import OTHER, OTHER_KEY, OWNER, OWNER_KEY, DeployedChain

HASH = re.compile(r"0x[0-9a-f]{64}")


def command(chain: DeployedChain, *arguments: str, key: str = OWNER_KEY) -> Ended:
    return run(*arguments, env={"RPC_URL": chain.url, "PRIVATE_KEY": key})


@pytest.fixture
def wallet(chain: DeployedChain) -> str:
    ended = command(chain, "create-wallet", "--factory", chain.factory, "--json")
    return str(json.loads(ended.out)["address"])


def only_hash(text: str) -> str:
    (tx_hash,) = HASH.findall(text)
    return str(tx_hash)


def balance(chain: DeployedChain, holder: str) -> int:
    token = chain.web3.eth.contract(chain.token, abi=ERC20_ABI)  # type: ignore[call-overload]
    return int(token.functions.balanceOf(holder).call())


def test_create_wallet(chain: DeployedChain) -> None:
    own = command(chain, "create-wallet", "--factory", chain.factory)
    for_other = run(
        *("create-wallet", "--rpc_url", chain.url, "-pk", OWNER_KEY[2:]),
        *("--factory", chain.factory, "--owner", OTHER.lower()),
    )

    assert (own.code, for_other.code) == (0, 0)
    shape = r"Success: wallet created\.\n\tAddress: (0x[0-9a-fA-F]{40})\n\tOwner: (\S+)\n"
    first, second = re.fullmatch(shape, own.out), re.fullmatch(shape, for_other.out)
    assert first
    assert second
    assert first[2] == OWNER
    assert second[2] == OTHER.lower()
    contract = chain.web3.eth.contract(second[1], abi=WALLET_ABI)  # type: ignore[arg-type]
    assert contract.functions.owner().call() == OTHER


def test_fund_approve_withdraw_ether(chain: DeployedChain, wallet: str) -> None:
    funded = command(chain, "fund", "-w", wallet, "-a", "1 ether")
    approved = command(chain, "approve", "-w", wallet, "-s", OTHER, "-a", "1.5 gwei")
    withdrawn = command(chain, "withdraw", "--wallet", wallet, "--amount", "1000")

    assert funded.out == (
        f"Success: sent\n\tamount: 1 ether\n\ttoken: {ZERO_ADDRESS}\n"
        f"\tto wallet: {wallet}\n\ttx: {only_hash(funded.out)}\n"
    )
    assert approved.out == (
        f"Success: approved spender: {OTHER} for\n\tamount: 1.5 gwei\n"
        f"\ttoken: {ZERO_ADDRESS}\n\ttx: {only_hash(approved.out)}\n"
    )
    assert withdrawn.out == (
        f"Success: withdrawal of amount: 1000\n\ttoken: {ZERO_ADDRESS}\n"
        f"\ttx: {only_hash(withdrawn.out)}\n"
    )
    assert chain.web3.eth.get_balance(wallet) == 10**18 - 1000  # type: ignore[arg-type]
    contract = chain.web3.eth.contract(wallet, abi=WALLET_ABI)  # type: ignore[call-overload]
    assert contract.functions.allowance(OTHER, ZERO_ADDRESS).call() == 15 * 10**8


def test_fund_approve_withdraw_tokens(chain: DeployedChain, wallet: str) -> None:
    token = chain.token.lower()
    funded = command(chain, "fund", "-w", wallet, "-a", "40", "-t", token)
    approved = command(
        chain, "approve", "-w", wallet, "--spender", OTHER, "-a", "30", "--token", token, "--json"
    )
    withdrawn = command(chain, "withdraw", "-w", wallet, "-a", "10", "-t", token, "--json")

    assert f"\ttoken: {token}\n\tto wallet: {wallet}\n" in funded.out
    assert balance(chain, wallet) == 30
    assert json.loads(approved.out) == {
        "wallet": wallet,
        "spender": OTHER,
        "amount": 30,
        "token": token,
        "tx": only_hash(approved.out),
    }
    assert json.loads(withdrawn.out)["amount"] == 10


def test_failures_are_named_and_exit_code_1(chain: DeployedChain, wallet: str) -> None:
    too_much = command(chain, "withdraw", "-w", wallet, "-a", "1")
    stranger = command(chain, "withdraw", "-w", wallet, "-a", "0", key=OTHER_KEY)
    too_many = command(chain, "fund", "-w", wallet, "-a", "1001", "-t", chain.token)
    too_rich = command(chain, "fund", "-w", wallet, "-a", "1 mether")
    no_factory = command(chain, "create-wallet", "--factory", OTHER)

    assert too_much == Ended(1, "", "Error: withdraw failed: InsufficientFunds\n")
    assert stranger == Ended(1, "", "Error: withdraw failed: Unauthorized\n")
    assert too_many == Ended(1, "", "Error: transfer failed: InsufficientBalance\n")
    assert too_rich.code == 1
    assert too_rich.err.startswith("Error: sending ether failed: Insufficient funds")
    assert (no_factory.code, no_factory.out) == (1, "")
    assert no_factory.err == (
        f"Error: createWallet failed: there is no contract at {OTHER} on this chain\n"
    )


@pytest.mark.parametrize("amount", ["0.5", "1e18", "-1", "1 dollar", "lots"])
def test_an_amount_not_understood_sends_nothing(
    chain: DeployedChain, wallet: str, amount: str
) -> None:
    before = chain.anvil.number

    ended = command(chain, "fund", "-w", wallet, f"--amount={amount}")

    assert (ended.code, ended.out) == (2, "")
    assert "Invalid value for '-a' / '--amount'" in ended.err
    assert chain.anvil.number == before


@pytest.mark.parametrize("option", ["-w", "-s", "-t"])
def test_what_is_no_address_is_a_usage_error(chain: DeployedChain, option: str) -> None:
    usual = {"-w": OTHER, "-s": OTHER, "-t": OTHER, "-a": "1"} | {option: "0x12"}

    ended = command(chain, "approve", *(part for pair in usual.items() for part in pair))

    assert ended.code == 2
    assert f"'{option}' / " in ended.err
    assert "'0x12' is not an address" in ended.err


def test_without_a_key_nothing_works(chain: DeployedChain) -> None:
    ended = run("fund", "-w", OTHER, "-a", "1", env={"RPC_URL": chain.url})

    assert ended.code == 2
    assert "Missing option '-pk' / '--private-key'" in ended.err
