"""The contracts on py-evm: what forge proves on revm must not hang on that one EVM."""

from collections.abc import Iterator

import pytest
from eth_tester import EthereumTester, PyEVMBackend
from web3 import EthereumTesterProvider, Web3

from scripts.accounts import ANVIL_MNEMONIC, DEPLOYER, NODE, anvil_account
from scripts.chain import Sender
from scripts.deployment import CONTAINER, Creation, create, deploy_core

collect_ignore = ["ape"]
"""Those need ape's fixtures: ``ape test`` runs them, and test_ape.py runs that."""


@pytest.fixture(scope="session")
def tester() -> EthereumTester:
    return EthereumTester(PyEVMBackend.from_mnemonic(ANVIL_MNEMONIC, hd_path="m/44'/60'/0'/0"))


@pytest.fixture(scope="session")
def web3(tester: EthereumTester) -> Web3:
    return Web3(EthereumTesterProvider(tester))


@pytest.fixture(scope="session")
def contracts(web3: Web3) -> dict[str, Creation]:
    by = Sender(web3, anvil_account(DEPLOYER))
    created = list(deploy_core(by, by.address, 0))
    created.append(create(by, "ChatConsumer", created[0].address, CONTAINER))
    return {item.name: item for item in created}


@pytest.fixture
def node(web3: Web3) -> Sender:
    return Sender(web3, anvil_account(NODE))


@pytest.fixture(autouse=True)
def _restored(tester: EthereumTester, contracts: dict[str, Creation]) -> Iterator[None]:
    """Every test starts from the fresh deployment."""
    snapshot = tester.take_snapshot()
    yield
    tester.revert_to_snapshot(snapshot)
