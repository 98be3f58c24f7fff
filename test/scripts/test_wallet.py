import asyncio
import json
import re

import pytest
from web3.contract import Contract
from web3.logs import DISCARD

from infernet_protocol.abis import abi
from infernet_protocol.subscription import ZERO_ADDRESS
from scripts import artifacts
from scripts.accounts import anvil_account
from scripts.chain import Sender
from scripts.stack import Stack
from test.scripts.conftest import Run
from test.support.anvil import Anvil
from test.support.faulty_rpc import Fault, faulty_rpc

SPENDER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
ETHER = 10**18
RETURNS_FALSE = 2
"""QuirkyToken.Quirk.ReturnsFalse"""


@pytest.fixture
def wallet(chain: Stack, requester: Sender) -> Contract:
    """An empty wallet of the requester."""
    factory = requester.web3.eth.contract(
        chain.contracts["WalletFactory"].address, abi=abi("WalletFactory")
    )
    receipt = requester.send(factory.functions.createWallet(requester.address), "creating")
    (created,) = factory.events.WalletCreated().process_receipt(receipt, errors=DISCARD)
    contract: Contract = requester.web3.eth.contract(created["args"]["wallet"], abi=abi("Wallet"))
    return contract


@pytest.fixture
def token(requester: Sender) -> Contract:
    """A token of which the requester holds 1000."""
    return deploy_token(requester, "TestToken")


def deploy_token(by: Sender, name: str, *args: object) -> Contract:
    artifact = artifacts.load(name, "Tokens.sol")
    factory = by.web3.eth.contract(abi=artifact.abi, bytecode=artifact.bytecode)
    address = by.send(factory.constructor(*args), "deploying the token")["contractAddress"]
    assert address is not None
    token = by.web3.eth.contract(address, abi=artifact.abi)
    by.send(token.functions.mint(by.address, 1000), "minting")
    return token


def lock(chain: Stack, anvil: Anvil, wallet: Contract, token: str, amount: int) -> None:
    """Locks an amount for the spender, which only the coordinator can."""
    coordinator = chain.contracts["EIP712Coordinator"].address
    data = wallet.encode_abi("cLock", [SPENDER, token, amount])
    anvil.rpc("anvil_setBalance", coordinator, hex(ETHER))
    anvil.rpc("anvil_impersonateAccount", coordinator)
    transaction = {"from": coordinator, "to": wallet.address, "data": data}
    # Anvil answers before it has mined.
    sent = anvil.rpc("eth_sendTransaction", transaction)
    assert wallet.w3.eth.wait_for_transaction_receipt(sent)["status"] == 1
    anvil.rpc("anvil_stopImpersonatingAccount", coordinator)


def test_a_wallet_from_creation_to_withdrawal(run: Run, chain: Stack, requester: Sender) -> None:
    recorded = ("--deployments", chain.deployments)
    created = run("wallet.py", "create", *recorded)
    assert created.returncode == 0, created.stderr
    title, address, owner = created.stdout.splitlines()
    assert title == "Success: wallet created."
    assert owner == f"\tOwner: {requester.address}"
    wallet = address.removeprefix("\tAddress: ")

    chosen = (*recorded, "-w", wallet, "-a")
    funded = run("wallet.py", "fund", *chosen, "1.5 ether")
    approved = run("wallet.py", "approve", *chosen, "0.1 ether", "-s", SPENDER)
    withdrawn = run("wallet.py", "withdraw", *chosen, "1 ether")
    shown = run("wallet.py", "show", *recorded, "-w", wallet)

    assert _without_hash(funded.stdout) == [
        "Success: sent",
        "\tamount: 1.5 ether",
        f"\ttoken: {ZERO_ADDRESS}",
        f"\tto wallet: {wallet}",
    ]
    assert _without_hash(approved.stdout) == [
        f"Success: approved spender: {SPENDER} for",
        "\tamount: 0.1 ether",
        f"\ttoken: {ZERO_ADDRESS}",
    ]
    assert _without_hash(withdrawn.stdout) == [
        "Success: withdrawal of amount: 1 ether",
        f"\ttoken: {ZERO_ADDRESS}",
    ]
    assert shown.stdout.splitlines() == [
        f"wallet        {wallet}",
        f"owner         {requester.address}",
        "token         ether",
        "  balance     0.5 ether",
        f"  allowance   0.1 ether to {SPENDER}",
    ]


def _without_hash(stdout: str) -> list[str]:
    *lines, last = stdout.splitlines()
    assert last.startswith("\ttx: 0x")
    assert len(last) == len("\ttx: ") + 66
    return lines


def test_locked_amounts_and_tokens_are_shown(
    invoke: Run, chain: Stack, wallet: Contract, token: Contract, anvil: Anvil
) -> None:
    chosen = ("--deployments", chain.deployments, "-w", wallet.address, "-t", token.address)
    for command, *more in (("fund", "-a", "100"), ("approve", "-a", "80", "-s", SPENDER)):
        assert invoke("wallet.py", command, *chosen, *more).returncode == 0
    lock(chain, anvil, wallet, token.address, 30)

    done = invoke("wallet.py", "show", *chosen, "--json")

    ether, tokens = json.loads(done.stdout)["tokens"]
    assert ether == {
        "token": ZERO_ADDRESS,
        "balance": 0,
        "locked": 0,
        "allowances": {},
        "unlocked": 0,
    }
    assert tokens == {
        "token": token.address,
        "balance": 100,
        "locked": 30,
        "allowances": {SPENDER: 50},
        "unlocked": 70,
    }
    told = invoke("wallet.py", "show", *chosen).stdout
    assert "  balance     100, 30 of it locked\n" in told


def test_programs_get_json(invoke: Run, chain: Stack) -> None:
    recorded = ("--deployments", chain.deployments, "--json")
    owner = anvil_account(5).address
    created = json.loads(invoke("wallet.py", "create", *recorded, "--owner", owner).stdout)
    assert created["owner"] == owner
    funded = invoke("wallet.py", "fund", *recorded, "-w", created["address"], "-a", "2 gwei")
    sent = json.loads(funded.stdout)
    assert sent.pop("tx").startswith("0x")
    assert sent == {"wallet": created["address"], "amount": 2 * 10**9, "token": ZERO_ADDRESS}


def test_only_the_owner_can_approve_and_withdraw(
    invoke: Run, chain: Stack, wallet: Contract
) -> None:
    other = anvil_account(7).key.hex()
    chosen = ("--deployments", chain.deployments, "-w", wallet.address, "-a", "1")
    approved = invoke("wallet.py", "approve", *chosen, "-s", SPENDER, PRIVATE_KEY=other)
    withdrawn = invoke("wallet.py", "withdraw", *chosen, PRIVATE_KEY=other)
    assert approved.error == "Error: approving 1 would revert: Unauthorized"
    assert withdrawn.error == "Error: withdrawing 1 would revert: Unauthorized"
    assert approved.returncode == withdrawn.returncode == 1


def test_more_than_there_is(invoke: Run, chain: Stack, wallet: Contract) -> None:
    chosen = ("--deployments", chain.deployments, "-w", wallet.address)
    done = invoke("wallet.py", "withdraw", *chosen, "-a", "1 ether")
    assert done.error == "Error: withdrawing 1 ether would revert: InsufficientFunds"


def test_an_address_that_is_no_wallet(invoke: Run, chain: Stack) -> None:
    chosen = ("--deployments", chain.deployments, "-w", SPENDER, "-a", "1")
    done = invoke("wallet.py", "fund", *chosen)
    assert done.returncode == 1
    assert f"--wallet: {SPENDER} is no wallet of the factory 0x" in done.error


def test_a_token_that_only_says_no(
    invoke: Run, chain: Stack, wallet: Contract, requester: Sender
) -> None:
    token = deploy_token(requester, "QuirkyToken", RETURNS_FALSE)
    chosen = ("--deployments", chain.deployments, "-w", wallet.address, "-t", token.address)
    done = invoke("wallet.py", "fund", *chosen, "-a", "10")
    assert done.returncode == 1
    assert done.error == f"Error: of 10 the token {token.address} moved only 0"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("fund", "-w", SPENDER, "-a", "0.5 wei"), "'0.5 wei' is not a whole number of wei"),
        (("fund", "-w", SPENDER, "-a", "1 shekel"), "'shekel' is not a unit"),
        (("fund", "-w", SPENDER.swapcase(), "-a", "1"), "'-w' / '--wallet'"),
        (("fund", "-a", "1"), "Missing option '-w' / '--wallet'"),
    ],
)
def test_wrong_usage_is_named(invoke: Run, arguments: tuple[str, ...], message: str) -> None:
    done = invoke("wallet.py", *arguments)
    assert done.returncode == 2
    assert message in done.stderr


@pytest.mark.parametrize("method", ["eth_sendRawTransaction", "eth_getTransactionReceipt"])
async def test_a_transaction_whose_fate_is_not_known_is_named(
    run: Run, chain: Stack, requester: Sender, method: str
) -> None:
    async with faulty_rpc(chain.rpc_url) as endpoint:
        endpoint.fault, endpoint.only = Fault.LOST_ANSWER, method
        options = ("--deployments", chain.deployments, "--rpc-url", endpoint.url)
        done = await asyncio.to_thread(run, "wallet.py", "create", *options)

    assert done.returncode == 1
    assert "creating the wallet: no answer from the endpoint (ConnectionError)" in done.error
    (transaction,) = re.findall("0x[0-9a-f]{64}", done.error)
    assert requester.web3.eth.get_transaction_receipt(transaction)["status"] == 1
