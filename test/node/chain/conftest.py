"""A chain under the test's thumb: it mines when it is told to, and forgets afterwards."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from structlog.testing import capture_logs

from infernet_node.chain.fees import LOCAL, Policy
from infernet_node.chain.rpc import Rpc
from infernet_node.chain.transactions import Transactions
from infernet_node.config import ContainerConfig
from infernet_node.store.database import Database
from test.node.chain.lane import OpenLane
from test.node.chain.market import Market
from test.node.chain.world import CONTAINER, NODE, Chain, Contracts, Log, Node, Pipeline, deploy
from test.support.anvil import CHAIN_ID, KEYS, Anvil, run_anvil


@pytest.fixture(scope="session")
def shared_anvil() -> Iterator[Anvil]:
    with run_anvil(["--no-mining", "--order", "fifo"]) as anvil:
        # Chain time goes by blocks, not by the clock on the wall.
        anvil.rpc("anvil_setBlockTimestampInterval", 1)
        yield anvil


@pytest.fixture
def anvil(shared_anvil: Anvil) -> Iterator[Anvil]:
    with shared_anvil.undone():
        yield shared_anvil


@pytest.fixture
async def rpc(anvil: Anvil) -> AsyncIterator[Rpc]:
    rpc = Rpc([anvil.url])
    yield rpc
    await rpc.close()


@pytest.fixture
def log() -> Iterator[Log]:
    with capture_logs() as entries:
        yield Log(entries)


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite+aiosqlite:///{tmp_path / 'node.sqlite'}"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = await Database.open(database_url)
    yield database
    await database.close()


@pytest.fixture
def account() -> LocalAccount:
    account: LocalAccount = Account.from_key(KEYS[1])
    return account


@pytest.fixture(scope="session")
def contracts(shared_anvil: Anvil) -> Contracts:
    return deploy(shared_anvil)


@pytest.fixture
def chain(contracts: Contracts, anvil: Anvil) -> Chain:
    return Chain(anvil, contracts)


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline()


@pytest.fixture
async def node(
    chain: Chain, database_url: str, pipeline: Pipeline, log: Log
) -> AsyncIterator[Node]:
    node = Node(chain, database_url, pipeline)
    await node.start()
    yield node
    await node.stop()


@pytest.fixture
def open_lane(rpc: Rpc, database: Database, account: LocalAccount) -> OpenLane:
    def open_lane(policy: Policy = LOCAL, **options: Any) -> Transactions:
        options = {"chain_id": CHAIN_ID, "network": "test", "max_gas_limit": 5_000_000, **options}
        return Transactions(rpc, database, account, policy=policy, **options)

    return open_lane


@pytest.fixture
def market(chain: Chain) -> Market:
    return Market(chain)


@pytest.fixture
async def paid_node(market: Market, node: Node) -> Node:
    """The node with a wallet to be paid to."""
    await node.stop()
    own = market.wallet(NODE)
    node.wallet = {"payment_address": own}
    node.containers = [
        ContainerConfig(id=CONTAINER, url="http://unused.invalid", generates_proofs=True)
    ]
    await node.start()
    return node
