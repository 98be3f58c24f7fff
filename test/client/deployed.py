"""A chain with the contracts on it, as the chain helpers of the client meet it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from eth_account import Account
from web3 import Web3

from scripts import artifacts
from scripts.chain import Sender, connect
from scripts.deploy import create, deploy_core
from test.support.anvil import KEYS, Anvil, run_anvil

OWNER_KEY, OTHER_KEY, DEPLOYER_KEY = KEYS[0], KEYS[1], KEYS[2]
OWNER, OTHER = (Account.from_key(key).address for key in (OWNER_KEY, OTHER_KEY))


@dataclass
class DeployedChain:
    """Addresses of what is deployed; ``OWNER`` holds all of the token."""

    anvil: Anvil
    coordinator: str
    factory: str
    token: str
    consumer: str
    """A DelegatedChat whose signer is ``OWNER``."""

    @property
    def url(self) -> str:
        return self.anvil.url

    @property
    def web3(self) -> Web3:
        return connect(self.url)


@contextmanager
def deployed_chain() -> Iterator[DeployedChain]:
    """Starts an Anvil that mines each transaction at once, and deploys everything."""
    with run_anvil() as anvil:
        by = Sender(connect(anvil.url), Account.from_key(DEPLOYER_KEY))
        core = {item.name: item.address for item in deploy_core(by, by.address, 0)}
        consumer = create(by, "DelegatedChat", core["Registry"], OWNER)
        token = artifacts.load("TestToken", "Tokens.sol")
        contract = by.web3.eth.contract(abi=token.abi, bytecode=token.bytecode)
        address = by.send(contract.constructor(), "deploying the token")["contractAddress"]
        assert address is not None
        minted = by.web3.eth.contract(address, abi=token.abi)
        by.send(minted.functions.mint(OWNER, 1000), "minting")
        yield DeployedChain(
            anvil, core["EIP712Coordinator"], core["WalletFactory"], address, consumer.address
        )
