"""A chain with the contracts on it, as the chain helpers of the client meet it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import encode
from eth_account import Account
from eth_utils.crypto import keccak
from web3 import Web3

from infernet_client.chain.abis import COORDINATOR_ABI
from infernet_client.chain.subscription import Subscription
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

    def send(self, transaction: Any) -> str:
        """Sends from an account of Anvil's, waits until it is mined and returns the hash."""
        eth = self.web3.eth
        tx_hash = eth.send_transaction(transaction)
        assert eth.wait_for_transaction_receipt(tx_hash)["status"] == 1
        return tx_hash.to_0x_hex()

    def coordinate(self, function: str, *arguments: Any) -> str:
        """Calls the coordinator in a transaction of ``OTHER`` and returns its hash."""
        coordinator = self.web3.eth.contract(self.coordinator, abi=COORDINATOR_ABI)  # type: ignore[call-overload]
        return self.send(
            coordinator.functions[function](*arguments).build_transaction({"from": OTHER})
        )


def signed_arguments(
    signature: Mapping[str, int], subscription: Subscription
) -> tuple[int, int, tuple[Any, ...], int, bytes, bytes]:
    """What both functions of the coordinator that take a signature begin with."""
    return (
        signature["nonce"],
        signature["expiry"],
        subscription.on_chain.to_abi(),
        signature["v"],
        signature["r"].to_bytes(32, "big"),
        signature["s"].to_bytes(32, "big"),
    )


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
        chain = DeployedChain(
            anvil, core["EIP712Coordinator"], core["WalletFactory"], token, consumer
        )
        # Anvil answers before it has mined, and what is not mined yet is in no snapshot.
        chain.send({"from": DEPLOYER, "to": token, "data": "0x" + mint.hex()})
        yield chain
