"""The fixture ``infernet`` for ``ape test``, with contracts and accounts as ape has them."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import pytest
from ape.api import TestAccountAPI
from ape.contracts import ContractContainer, ContractInstance
from ape.exceptions import ContractLogicError, CustomError, VirtualMachineError
from ape.managers.accounts import TestAccountManager
from ape.managers.chain import ChainManager
from eth_abi.abi import encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from ethpm_types import ContractType

from infernet_protocol.abis import abi
from infernet_testing.artifacts import Artifact
from infernet_testing.infernet import Infernet
from infernet_testing.reverts import RevertedError, from_eth_tester

ApeInfernet: TypeAlias = Infernet[TestAccountAPI, ContractInstance]


class ApeChain:
    """Whatever local network ``ape test`` runs on."""

    def __init__(self, chain: ChainManager, accounts: Sequence[TestAccountAPI]) -> None:
        self._chain = chain
        self.accounts = accounts

    def address(self, item: Any) -> str:
        return item if isinstance(item, str) else str(item.address)

    def nonce(self, account: TestAccountAPI) -> int:
        return int(account.nonce)

    def create(
        self, artifact: Artifact, args: Sequence[Any], by: TestAccountAPI
    ) -> ContractInstance:
        container = ContractContainer(
            contract_type=_type(artifact.name, artifact.abi, artifact.code)
        )
        try:
            return by.deploy(container, *args)
        except VirtualMachineError as error:
            raise RevertedError(_data(error)) from None

    def at(self, address: str, name: str) -> ContractInstance:
        return self._chain.contracts.instance_at(address, contract_type=_type(name, abi(name)))

    def read(self, contract: ContractInstance, function: str, *args: Any) -> Any:
        handler = getattr(contract, function)
        # What is no view sends a transaction, unless told otherwise.
        return getattr(handler, "call", handler)(*args)

    def send(
        self, contract: ContractInstance, function: str, *args: Any, by: TestAccountAPI
    ) -> None:
        try:
            getattr(contract, function)(*args, sender=by)
        except VirtualMachineError as error:
            raise RevertedError(_data(error)) from None

    def pay(self, address: str, wei: int, by: TestAccountAPI) -> None:
        by.transfer(address, wei)

    def balance(self, address: str) -> int:
        return int(self._chain.provider.get_balance(to_checksum_address(address)))

    def now(self) -> int:
        return int(self._chain.pending_timestamp)

    def wait_until(self, timestamp: int) -> None:
        self._chain.mine(timestamp=timestamp)

    def abi_at(self, address: str) -> Sequence[dict[str, Any]]:
        found = self._chain.contracts.get(address)
        return [item.model_dump(by_alias=True) for item in found.abi] if found else ()


def _type(name: str, abi: Sequence[dict[str, Any]], code: str = "0x") -> ContractType:
    return ContractType.model_validate(
        {"contractName": name, "abi": abi, "deploymentBytecode": {"bytecode": code}}
    )


def _data(error: VirtualMachineError) -> bytes:
    """Returns the revert data, of which ape decodes some and wraps the rest.

    Raises:
        VirtualMachineError: the same, if it is about something else than a revert.
    """
    if isinstance(error, CustomError):
        types = [str(item.canonical_type) for item in error.abi.inputs]
        return keccak(text=error.abi.selector)[:4] + encode(types, list(error.inputs.values()))
    whole = getattr(error.base_err or error.__cause__, "data", None)
    if whole is None and isinstance(error, ContractLogicError):
        whole = error.message
    if whole is None:
        raise error
    if whole.startswith("0x"):
        return bytes.fromhex(whole[2:])
    return b"" if whole == ContractLogicError.DEFAULT_MESSAGE else from_eth_tester(whole)


@pytest.fixture(scope="session")
def infernet(chain: ChainManager, accounts: TestAccountManager) -> ApeInfernet:
    """The core and a node; ape takes the chain back to this point after each test."""
    return Infernet(ApeChain(chain, accounts))
