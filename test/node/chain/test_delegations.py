"""Of two requests with one owner and nonce the first wins, whichever process takes it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from infernet_node.chain.delegations import Delegations, Phase
from infernet_node.store.database import Database
from infernet_protocol.delegation import Signature
from test.node.chain.rows import subscription
from test.support.postgres import schema_url

TERMS = subscription()


def signature(nonce: int) -> Signature:
    return Signature(nonce, 2**32 - 1, 27, 2**255, 2**256 - 1)


@pytest.fixture(params=["sqlite", "postgresql"])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path}/node.sqlite"
    else:
        async with schema_url() as url:
            yield url


@pytest.fixture
async def two(url: str) -> AsyncIterator[tuple[Delegations, Delegations]]:
    """Two processes' views of one store; on a SQLite file there is only one process."""
    databases = [await Database.open(url)]
    databases.append(databases[0] if url.startswith("sqlite") else await Database.open(url))
    one, other = (Delegations(database, "1/genesis/coordinator") for database in databases)
    yield one, other
    for database in {*databases}:
        await database.close()


async def test_a_request_comes_back_as_it_was(two: tuple[Delegations, Delegations]) -> None:
    one, other = two
    accepted, new = await one.accept(TERMS, signature(7), {"text": "signed"})

    assert new
    assert await other.find(TERMS.owner, 7) == await other.get(accepted.id) == accepted
    assert (accepted.subscription, accepted.signature) == (TERMS, signature(7))
    assert (accepted.data, accepted.phase) == ({"text": "signed"}, Phase.OPEN)
    assert await other.find(TERMS.owner, 8) is None


async def test_of_many_at_once_one_wins_and_all_hear_which(
    two: tuple[Delegations, Delegations],
) -> None:
    for nonce in range(10):
        told = await asyncio.gather(
            *(
                each.accept(TERMS, signature(nonce), {"number": number})
                for number in range(3)
                for each in two
            )
        )
        assert sum(new for _, new in told) == 1
        assert len({row.id for row, _ in told}) == 1
        (winner,) = (row for row, new in told if new)
        assert all(row.data == winner.data for row, _ in told)


async def test_what_is_on_the_chain_is_open_no_more(two: tuple[Delegations, Delegations]) -> None:
    one, other = two
    rows = [(await one.accept(TERMS, signature(nonce), {}))[0] for nonce in range(3)]
    await one.set_phase(rows[0].id, Phase.CREATED, subscription_id=17)
    await one.set_phase(rows[1].id, Phase.ENDED)

    assert [row.id for row in await other.open()] == [rows[2].id]
    assert [row.id for row in await other.created_from(17)] == [rows[0].id]
    assert await other.created_from(18) == []
