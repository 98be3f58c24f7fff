"""A chain with the contracts on it, as the chain helpers of the client meet it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from eth_abi.abi import encode
from eth_account import Account
from eth_utils.crypto import keccak
from web3 import Web3

from test.support.anvil import KEYS, Anvil, run_anvil
from test.support.contracts import create, create_core

OWNER_KEY, OTHER_KEY = KEYS[0], KEYS[1]
OWNER, OTHER, DEPLOYER = (Account.from_key(key).address for key in KEYS[:3])


@dataclass
class DeployedChain:
    """Addresses of what is deployed; ``OWNER`` holds all 1000 of the token."""

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
        return Web3(Web3.HTTPProvider(self.url))


@contextmanager
def deployed_chain() -> Iterator[DeployedChain]:
    """Starts an Anvil that mines each transaction at once, and deploys everything."""
    with run_anvil() as anvil:
        core = create_core(anvil, DEPLOYER)
        signer_of = (core["Registry"], OWNER)
        consumer = create(anvil, DEPLOYER, "DelegatedChat", ["address"] * 2, signer_of)
        token = create(anvil, DEPLOYER, "TestToken", source="Tokens.sol")
        mint = keccak(text="mint(address,uint256)")[:4] + encode(
            ["address", "uint256"], [OWNER, 1000]
        )
        anvil.rpc("eth_sendTransaction", {"from": DEPLOYER, "to": token, "data": "0x" + mint.hex()})
        yield DeployedChain(
            anvil, core["EIP712Coordinator"], core["WalletFactory"], token, consumer
        )
