"""A chain under the test's thumb: it mines when it is told to, and forgets afterwards."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount

from infernet_node.chain.rpc import Rpc
from infernet_node.store.database import Database
from test.support.anvil import KEYS, Anvil, run_anvil


@pytest.fixture(scope="session")
def shared_anvil() -> Iterator[Anvil]:
    with run_anvil(["--no-mining", "--order", "fifo"]) as anvil:
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
