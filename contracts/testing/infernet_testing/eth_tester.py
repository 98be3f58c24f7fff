"""The fixture ``infernet`` on py-evm, with contracts as web3 has them."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import pytest
from eth_tester import EthereumTester
from eth_tester.exceptions import TransactionFailed
from web3 import EthereumTesterProvider, Web3
from web3.contract import Contract
from web3.types import TxParams

from infernet_protocol.abis import abi
from infernet_testing.artifacts import Artifact
from infernet_testing.infernet import Infernet
from infernet_testing.reverts import RevertedError, from_eth_tester

GAS = 16_000_000
"""Gas limit of a transaction: below the block's, and what a transaction may have (EIP-7825)."""
Web3Infernet: TypeAlias = Infernet[str, Contract]


class TesterChain:
    """py-evm in this process, through web3."""

    def __init__(self, tester: EthereumTester) -> None:
        self.tester = tester
        self.web3 = Web3(EthereumTesterProvider(tester))
        self.accounts: Sequence[str] = self.web3.eth.accounts
        # Whoever sends without naming an account is the test itself.
        self.web3.eth.default_account = self.web3.eth.accounts[0]
        self._abis: dict[str, Sequence[dict[str, Any]]] = {}

    def address(self, item: Any) -> str:
        return item if isinstance(item, str) else str(item.address)

    def nonce(self, account: str) -> int:
        return self.web3.eth.get_transaction_count(Web3.to_checksum_address(account))

    def create(self, artifact: Artifact, args: Sequence[Any], by: str) -> Contract:
        factory = self.web3.eth.contract(abi=artifact.abi, bytecode=artifact.code)
        plain = [arg.address if isinstance(arg, Contract) else arg for arg in args]
        receipt = self._send(factory.constructor(*plain), by)
        return self._contract(receipt["contractAddress"], artifact.abi)

    def at(self, address: str, name: str) -> Contract:
        return self._contract(address, abi(name))

    def _contract(self, address: str, known: Sequence[dict[str, Any]]) -> Contract:
        self._abis[address] = known
        contract: Contract = self.web3.eth.contract(Web3.to_checksum_address(address), abi=known)
        return contract

    def read(self, contract: Contract, function: str, *args: Any) -> Any:
        return contract.get_function_by_name(function)(*args).call(block_identifier="pending")

    def send(self, contract: Contract, function: str, *args: Any, by: str) -> None:
        self._send(contract.get_function_by_name(function)(*args), by)

    def _send(self, call: Any, by: str) -> Any:
        transaction: TxParams = call.build_transaction({"from": by, "gas": GAS})
        self._try(transaction)
        sent = self.web3.eth.send_transaction(transaction)
        return self.web3.eth.wait_for_transaction_receipt(sent)

    def _try(self, transaction: TxParams) -> None:
        """Executes without mining. web3 would keep of the revert data what fits into a message."""
        keys = [key for key in ("from", "to", "data") if transaction.get(key)]
        call = {key: transaction[key] for key in keys}  # type: ignore[literal-required]
        try:
            self.tester.call({**call, "gas": GAS}, "pending")
        except TransactionFailed as error:
            raise RevertedError(from_eth_tester(str(error))) from None

    def pay(self, address: str, wei: int, by: str) -> None:
        to = Web3.to_checksum_address(address)
        self.web3.eth.send_transaction({"from": by, "to": to, "value": Web3.to_wei(wei, "wei")})

    def balance(self, address: str) -> int:
        return self.web3.eth.get_balance(Web3.to_checksum_address(address))

    def now(self) -> int:
        return int(self.tester.get_block_by_number("pending")["timestamp"])

    def wait_until(self, timestamp: int) -> None:
        self.tester.time_travel(timestamp)

    def abi_at(self, address: str) -> Sequence[dict[str, Any]]:
        return self._abis.get(Web3.to_checksum_address(address), ())


@pytest.fixture(scope="session")
def eth_tester() -> EthereumTester:
    """The chain. Override it for other accounts or another fork."""
    return EthereumTester()


@pytest.fixture(scope="session")
def infernet_session(eth_tester: EthereumTester) -> Web3Infernet:
    """The core, deployed once; tests take ``infernet`` instead."""
    return Infernet(TesterChain(eth_tester))


@pytest.fixture
def web3(infernet: Web3Infernet) -> Web3:
    """The chain as web3 has it."""
    chain = infernet.chain
    assert isinstance(chain, TesterChain)
    return chain.web3


@pytest.fixture
def infernet(eth_tester: EthereumTester, infernet_session: Web3Infernet) -> Iterator[Web3Infernet]:
    """The core and a node; whatever a test does to the chain is undone after it."""
    snapshot = eth_tester.take_snapshot()
    yield infernet_session
    eth_tester.revert_to_snapshot(snapshot)
