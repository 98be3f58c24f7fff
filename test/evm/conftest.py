"""The contracts on py-evm: what forge proves on revm must not hang on that one EVM."""

import pytest
from eth_tester import EthereumTester, PyEVMBackend
from web3 import Web3

from infernet_testing.eth_tester import Web3Infernet, infernet, infernet_session, web3
from scripts.accounts import ANVIL_MNEMONIC, REQUESTER, anvil_account
from scripts.artifacts import OUT
from scripts.chain import Sender
from scripts.chat import Chat
from scripts.deployment import CONTAINER

__all__ = ["infernet", "infernet_session", "web3"]

collect_ignore = ["ape"]
"""Those need ape's fixtures: ``ape test`` runs them, and test_ape.py runs that."""


@pytest.fixture(scope="session")
def eth_tester() -> EthereumTester:
    """A chain with Anvil's accounts, so that the addresses are the documented ones."""
    return EthereumTester(PyEVMBackend.from_mnemonic(ANVIL_MNEMONIC, hd_path="m/44'/60'/0'/0"))


@pytest.fixture
def chat(infernet: Web3Infernet, web3: Web3) -> Chat:
    """The example consumer, as the scripts use it."""
    path = OUT / "ChatConsumer.sol" / "ChatConsumer.json"
    consumer = infernet.deploy(path, infernet.registry.address, CONTAINER)
    return Chat(Sender(web3, anvil_account(REQUESTER)), consumer.address)
