"""Who may do what for how long, when several processes could.

A lease is a row: its name says what is held, its holder by whom, its end until when. Ends are
read and written by the database's clock alone, so it does not matter what the machines of the
holders think what time it is.
"""

import json
from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Column, Float, String, Table, Text, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from infernet_node.json_text import serialise
from infernet_node.store.clock import DatabaseTime
from infernet_node.store.database import Database, metadata

leases_table = Table(
    "leases",
    metadata,
    Column("name", String(128), primary_key=True),
    Column("holder", String(64), nullable=False),
    Column("expires_at", Float, nullable=False),
    # JSON of the containers for which its holder takes jobs; null where it does not say.
    Column("offers", Text),
)
LIVE = leases_table.c.expires_at > DatabaseTime()

_INSERT: Mapping[str, Any] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}


class Leases:
    """Rows of leases, each moved by compare-and-set."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(
        self, name: str, holder: str, seconds: float, offers: Collection[str] | None = None
    ) -> bool:
        """Takes a lease that is free or expired, or prolongs one's own.

        Args:
            seconds: how long it is held from now on.
            offers: containers for which the holder takes jobs; ``None`` says nothing of them.

        Returns:
            Whether ``holder`` has it now.
        """
        async with self._database.transaction() as connection:
            row = {
                "name": name,
                "holder": holder,
                "expires_at": DatabaseTime() + seconds,
                "offers": None if offers is None else serialise(sorted(offers)).decode(),
            }
            statement = _INSERT[connection.dialect.name](leases_table).values(row)
            mine_or_over = (leases_table.c.holder == holder) | ~LIVE
            taken = await connection.execute(
                statement.on_conflict_do_update(
                    index_elements=[leases_table.c.name],
                    set_={column: statement.excluded[column] for column in row if column != "name"},
                    where=mine_or_over,
                ).returning(leases_table.c.name)
            )
            return taken.one_or_none() is not None

    async def release(self, name: str, holder: str) -> None:
        """Gives a lease back before its end; nothing happens if ``holder`` has it no more."""
        mine = (leases_table.c.name == name) & (leases_table.c.holder == holder)
        async with self._database.transaction() as connection:
            await connection.execute(delete(leases_table).where(mine))

    async def live(self, prefix: str) -> dict[str, str]:
        """Returns the holders of all leases in force whose names begin with ``prefix``."""
        query = (
            select(leases_table.c.name, leases_table.c.holder)
            .where(LIVE, leases_table.c.name.startswith(prefix, autoescape=True))
            .order_by(leases_table.c.name)
        )
        async with self._database.transaction() as connection:
            return {row.name: row.holder for row in (await connection.execute(query)).all()}

    async def offers(self, prefix: str) -> list[frozenset[str] | None]:
        """Returns what the holder of each lease in force offers, ``None`` if it does not say."""
        query = select(leases_table.c.offers).where(
            LIVE, leases_table.c.name.startswith(prefix, autoescape=True)
        )
        async with self._database.transaction() as connection:
            texts = (await connection.execute(query)).scalars().all()
        return [None if text is None else frozenset(json.loads(text)) for text in texts]

    async def forget_expired(self, prefix: str) -> None:
        """Deletes rows that say nothing any more."""
        over = ~LIVE & leases_table.c.name.startswith(prefix, autoescape=True)
        async with self._database.transaction() as connection:
            await connection.execute(delete(leases_table).where(over))
