"""How far the chain has been read, with block hashes to notice when that was another chain."""

from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, String, Table, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from infernet_node.store.database import Database, metadata

KEPT_BLOCKS = 256
"""A deeper reorganisation makes the node read everything anew, which is slow and not wrong."""

_cursors = Table(
    "chain_cursors",
    metadata,
    Column("network", String(128), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", String(66), nullable=False),
    Column("next_id", BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Cursor:
    """A block up to which everything has been read and recorded."""

    number: int
    hash: str
    next_id: int
    """``Coordinator.id()`` at that block: all lower ids are known."""


class CursorHistory:
    """The cursor and the ones before it.

    Args:
        network: names chain and coordinator.
    """

    def __init__(self, database: Database, network: str) -> None:
        self._database = database
        self._network = network

    async def newest_first(self) -> list[Cursor]:
        """Returns the cursor, followed by earlier ones."""
        async with self._database.transaction() as connection:
            rows = await connection.execute(
                select(_cursors)
                .where(_cursors.c.network == self._network)
                .order_by(_cursors.c.number.desc())
            )
            return [Cursor(row.number, row.hash, row.next_id) for row in rows]

    async def advance(
        self, connection: AsyncConnection, cursor: Cursor, rewound_to: int | None
    ) -> None:
        """Moves on, as part of the transaction that records what was read.

        Args:
            rewound_to: the last block that survived a reorganisation, if there was one.
        """
        mine = _cursors.c.network == self._network
        if rewound_to is not None:
            await connection.execute(delete(_cursors).where(mine, _cursors.c.number > rewound_to))
        await connection.execute(
            insert(_cursors).values(
                network=self._network,
                number=cursor.number,
                hash=cursor.hash,
                next_id=cursor.next_id,
            )
        )
        kept = (
            select(_cursors.c.number)
            .where(mine)
            .order_by(_cursors.c.number.desc())
            .limit(1)
            .offset(KEPT_BLOCKS)
            .scalar_subquery()
        )
        await connection.execute(delete(_cursors).where(mine, _cursors.c.number <= kept))
