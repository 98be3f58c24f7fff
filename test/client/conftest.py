from collections.abc import AsyncIterator, Iterator

import pytest

from infernet_client.chain.rpc import RPC
from infernet_client.node import NodeClient
from test.client.deployed import OWNER_KEY, DeployedChain, deployed_chain
from test.client.scripted_node import ScriptedNode


@pytest.fixture
def node() -> Iterator[ScriptedNode]:
    with ScriptedNode() as running:
        yield running


@pytest.fixture
def client(node: ScriptedNode) -> NodeClient:
    return NodeClient(node.url)


@pytest.fixture(scope="session")
def shared_chain() -> Iterator[DeployedChain]:
    with deployed_chain() as chain:
        yield chain


@pytest.fixture
def chain(shared_chain: DeployedChain) -> Iterator[DeployedChain]:
    with shared_chain.anvil.undone():
        yield shared_chain


@pytest.fixture
async def rpc(chain: DeployedChain) -> AsyncIterator[RPC]:
    """A connection that signs as ``OWNER``."""
    async with RPC(chain.url) as connection:
        yield await connection.initialize_with_private_key(OWNER_KEY)
