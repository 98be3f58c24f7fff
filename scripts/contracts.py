"""Where the contracts of an Infernet are on a chain."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from eth_typing import ChecksumAddress
from web3 import Web3
from web3.contract import Contract
from web3.exceptions import BadFunctionCallOutput, ContractLogicError

from infernet_protocol import deployments
from infernet_protocol.abis import abi
from infernet_protocol.registry import GETTERS
from scripts.accounts import DEPLOYER, anvil_account
from scripts.chain import Sender, contract_address
from scripts.deployment import CONTAINER, create, deploy_core, record
from scripts.errors import ScriptError

DEPLOYED_BY = {
    "ChatConsumer": "scripts/deploy.py",
    "ScheduledChat": "scripts/subscribe.py --deploy",
    "DelegatedChat": "scripts/delegate.py --deploy",
}
"""How a person gets each consumer."""


@dataclass(frozen=True, slots=True)
class AddressBook:
    """Addresses of contracts by name, and how far back their logs go."""

    web3: Web3
    addresses: Mapping[str, str]
    source: str
    """Where the addresses are from, for messages."""
    first_block: int
    """No log of the contracts is older."""
    directory: Path | None = None
    """Folder of deployment files that new contracts are recorded in."""

    def address(self, name: str) -> ChecksumAddress:
        """Returns the address of a contract that is there.

        Raises:
            ScriptError: if it is not known, or no contract is at its address.
        """
        try:
            return contract_address(self.web3, self.addresses[name], name)
        except KeyError:
            raise ScriptError(f"{self.source} has no {name}") from None

    def contract(self, name: str) -> Contract:
        return self.web3.eth.contract(self.address(name), abi=abi(name))

    def consumer(self, name: str) -> Contract:
        """Returns the consumer that is recorded.

        Raises:
            ScriptError: if none is, or it is gone.
        """
        if name not in self.addresses:
            raise ScriptError(
                f"{self.source} has no {name}: deploy one with {DEPLOYED_BY[name]}, "
                "or pass --consumer"
            )
        return self.contract(name)

    def is_served(self, name: str) -> bool:
        """Tells whether a consumer takes answers from this book's coordinator.

        A consumer has no getter for its coordinator. But it is an immutable of
        ``BaseConsumer``, and the compiler writes those into the code as whole words.
        """
        word = bytes.fromhex(self.address("EIP712Coordinator")[2:]).rjust(32, b"\0")
        return word in bytes(self.web3.eth.get_code(self.address(name)))

    def deploy_consumer(self, by: Sender, name: str, *args: object) -> Contract:
        """Deploys a consumer for this registry, and records it where the others are recorded."""
        created = create(by, name, self.address("Registry"), *args)
        if self.directory:
            record([created], self.web3.eth.chain_id, self.directory)
        return self.web3.eth.contract(created.address, abi=abi(name))


def recorded(web3: Web3, directory: Path) -> AddressBook:
    """Reads the deployment file of the chain.

    Raises:
        ScriptError: if there is none, or it is damaged.
    """
    chain_id = web3.eth.chain_id
    try:
        known = deployments.load(chain_id, directory)
    except deployments.DeploymentError as error:
        raise ScriptError(str(error)) from None
    return AddressBook(
        web3,
        {name: entry.address for name, entry in known.items()},
        source=str(deployments.path_for(chain_id, directory)),
        first_block=min((entry.block for entry in known.values()), default=0),
        directory=directory,
    )


def from_registry(web3: Web3, registry: str) -> AddressBook:
    """Asks a registry for the addresses of the others.

    Raises:
        ScriptError: if it is no registry.
    """
    address = contract_address(web3, registry, "--registry")
    contract = web3.eth.contract(address, abi=abi("Registry"))
    try:
        named = {name: contract.functions[getter]().call() for name, getter in GETTERS.items()}
    except (BadFunctionCallOutput, ContractLogicError):
        raise ScriptError(f"--registry: the contract at {address} is no Registry") from None
    return AddressBook(
        web3, {"Registry": address, **named}, source=f"the registry {address}", first_block=0
    )


def freshly_deployed(web3: Web3) -> AddressBook:
    """Deploys everything on an empty chain, as scripts/deploy.py does."""
    by = Sender(web3, anvil_account(DEPLOYER))
    created = list(deploy_core(by, by.address, 0))
    created.append(create(by, "ChatConsumer", created[0].address, CONTAINER))
    return AddressBook(
        web3,
        {item.name: item.address for item in created},
        source="the chain of this command",
        first_block=0,
    )
