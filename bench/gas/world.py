"""A chain with the release build on it: contracts, funded wallets, and nothing else done yet."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from eth_typing import ChecksumAddress
from web3 import Web3
from web3.contract import Contract
from web3.types import TxReceipt

from infernet_protocol.registry import planned_addresses
from infernet_protocol.subscription import ZERO_ADDRESS
from scripts import artifacts
from scripts.accounts import ANVIL_CHAIN_ID, DEPLOYER, NODE, REQUESTER, anvil_account
from scripts.chain import connect
from test.support.anvil import Anvil, run_anvil

HARDFORK = "cancun"
PROTOCOL_FEE = 500
"""Hundredths of a percent, as the published deployment has it."""
AMOUNT = 10**18
"""Raw units that are paid per answer, where an answer is paid."""
VERIFIER_FEE = AMOUNT // 10
FUNDS = 10 * AMOUNT
"""Raw units every wallet holds and every spender may spend: a payment leaves no slot at zero."""
SIGNER = 9
"""Anvil account whose signatures create subscriptions of the bench's consumer."""
VERIFIER_PAYEE = 8
FIRST_NODE = 7
_SOURCES = {
    "CallbackBench": "Consumers.sol",
    "CompactBench": "Consumers.sol",
    "SubscriptionBench": "Consumers.sol",
    "OptimisticBench": "Verifiers.sol",
    "AtomicBench": "Verifiers.sol",
}
"""Files of the contracts that share one."""


@dataclass(frozen=True, slots=True)
class Deed:
    """A transaction that has not been sent yet."""

    sender: ChecksumAddress
    call: Any
    """What web3 returns for ``contract.functions.f(...)`` or ``factory.constructor(...)``."""

    def send(self) -> TxReceipt:
        """Sends it to Anvil, which signs it and mines it at once.

        Raises:
            RuntimeError: if it was reverted.
        """
        tx_hash = self.call.transact({"from": self.sender})
        receipt: TxReceipt = self.call.w3.eth.wait_for_transaction_receipt(tx_hash)
        if receipt["status"] != 1:
            raise RuntimeError(f"transaction 0x{tx_hash.hex()} was reverted")
        return receipt


@dataclass(frozen=True)
class World:
    """Contracts by name, and the accounts that act on them."""

    anvil: Anvil
    web3: Web3
    contracts: dict[str, Contract] = field(default_factory=dict)

    def account(self, index: int) -> ChecksumAddress:
        """Returns one of Anvil's ten accounts."""
        return anvil_account(index).address

    @property
    def owner(self) -> ChecksumAddress:
        """Owns both wallets and asks the consumer."""
        return self.account(REQUESTER)

    @property
    def nodes(self) -> tuple[ChecksumAddress, ...]:
        """Three nodes; the first is the one that is paid."""
        return self.account(NODE), self.account(NODE + 3), self.account(NODE + 4)

    def creation(self, name: str, *arguments: Any) -> Deed:
        """Returns the deployment of a contract of the release build."""
        artifact = artifacts.load(name, _SOURCES.get(name), artifacts.RELEASE)
        factory = self.web3.eth.contract(abi=artifact.abi, bytecode=artifact.bytecode)
        return Deed(self.account(DEPLOYER), factory.constructor(*arguments))

    def create(self, name: str, *arguments: Any) -> Contract:
        """Deploys a contract and keeps it under its name."""
        address = self.creation(name, *arguments).send()["contractAddress"]
        assert address is not None, "a mined creation has an address"
        return self.adopt(name, name, address)

    def adopt(self, name: str, kind: str, address: ChecksumAddress) -> Contract:
        """Keeps the contract at an address, of the kind named, under a name."""
        abi = artifacts.load(kind, _SOURCES.get(kind), artifacts.RELEASE).abi
        self.contracts[name] = self.web3.eth.contract(address, abi=abi)
        return self.contracts[name]

    def do(self, by: ChecksumAddress, name: str, function: str, *arguments: Any) -> Deed:
        """Returns the call of a contract's function."""
        return Deed(by, self.contracts[name].functions[function](*arguments))


@contextmanager
def fresh_world() -> Iterator[World]:
    """Starts Anvil and lays out what every row starts from."""
    with run_anvil(["--hardfork", HARDFORK, "--steps-tracing"]) as anvil:
        world = World(anvil, connect(anvil.url, ANVIL_CHAIN_ID))
        _deploy(world)
        _open_wallets(world)
        _answer_once(world)
        yield world


def _deploy(world: World) -> None:
    deployer = world.account(DEPLOYER)
    later = planned_addresses(deployer, 0)
    registry = world.create("Registry", *later.values()).address
    for name, address in later.items():
        arguments = (deployer, PROTOCOL_FEE) if name == "Fee" else (registry,)
        assert world.create(name, *arguments).address == address, name
    world.create("CallbackBench", registry)
    world.create("CompactBench", registry)
    world.create("SubscriptionBench", registry, world.account(SIGNER))
    world.create("BenchToken")
    for verifier in ("OptimisticBench", "AtomicBench"):
        world.create(verifier, registry, world.account(VERIFIER_PAYEE), VERIFIER_FEE)


def _open_wallets(world: World) -> None:
    """Gives consumer and node a wallet each, and every payee a balance that is not zero."""
    token = world.contracts["BenchToken"].address
    spenders = {
        "consumer wallet": world.contracts["SubscriptionBench"].address,
        "node wallet": world.nodes[0],
    }
    # Whatever the factory makes of its very first wallet, a later one is the usual case.
    world.do(world.owner, "WalletFactory", "createWallet", world.owner).send()
    for name, spender in spenders.items():
        deed = world.do(world.owner, "WalletFactory", "createWallet", world.owner)
        address = deed.call.call({"from": world.owner})
        deed.send()
        world.adopt(name, "Wallet", address)
        world.anvil.rpc("anvil_setBalance", address, hex(FUNDS))
        world.do(world.owner, "BenchToken", "mint", address, FUNDS).send()
        for currency in (ZERO_ADDRESS, token):
            world.do(world.owner, name, "approve", spender, currency, FUNDS).send()
    for payee in (DEPLOYER, VERIFIER_PAYEE):
        world.do(world.owner, "BenchToken", "mint", world.account(payee), FUNDS).send()


def _answer_once(world: World) -> None:
    """Has one request answered: a coordinator's first delivery ever pays for the lock's slot."""
    world.do(world.owner, "CallbackBench", "request", b"").send()
    world.do(
        world.account(FIRST_NODE),
        "EIP712Coordinator",
        "deliverCompute",
        *(1, 1, b"", b"", b"", ZERO_ADDRESS),
    ).send()
