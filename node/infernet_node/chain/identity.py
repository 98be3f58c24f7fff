"""Which chain an endpoint serves, and under which names its rows are kept."""

from dataclasses import dataclass
from typing import Self

from infernet_node.chain.contracts import Deployment
from infernet_node.chain.header import Header
from infernet_node.chain.rpc import Rpc
from infernet_node.chain.values import quantity


async def genesis_hash(rpc: Rpc) -> str:
    """Returns the hash of block 0: what tells two development chains of one id apart."""
    return Header.from_rpc(await rpc.call("eth_getBlockByNumber", "0x0", False)).hash


@dataclass(frozen=True, slots=True)
class ChainIdentity:
    """A chain and the contracts on it."""

    chain_id: int
    genesis: str
    deployment: Deployment

    @classmethod
    async def read(cls, rpc: Rpc, registry: str) -> Self:
        """Asks an endpoint.

        Raises:
            RpcError: it does not answer, or has no Registry at the address.
        """
        chain_id = quantity(await rpc.call("eth_chainId"))
        genesis = await genesis_hash(rpc)
        return cls(chain_id, genesis, await Deployment.from_registry(rpc, registry))

    @property
    def network(self) -> str:
        """Names the chain in the store."""
        return f"{self.chain_id}/{self.genesis[2:18]}"

    @property
    def contracts(self) -> str:
        """Names the chain and the Coordinator in the store."""
        return f"{self.network}/{self.deployment.coordinator}"
