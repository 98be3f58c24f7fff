"""Commands of operators that one process hears and another one carries out.

A row is a question and, once there is one, its answer. Whoever asks deletes it. Times are those of
the database's clock.
"""

from dataclasses import dataclass
from uuid import uuid4

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    String,
    Table,
    Text,
    delete,
    false,
    insert,
    select,
    update,
)

from infernet_node.store.clock import DatabaseTime
from infernet_node.store.database import Database, metadata

commands_table = Table(
    "chain_commands",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("command", String(8), nullable=False),
    Column("subscription", String(24), nullable=False),
    Column("interval", BigInteger, nullable=False),
    # After it nobody begins with it: who asked has gone, or was told that nothing was done.
    Column("expires_at", Float, nullable=False),
    Column("taken", Boolean, nullable=False),
    Column("outcome", Text),
)
_KEPT_SECONDS = 3600.0
"""Rows whose asker has not come back for the answer."""


@dataclass(frozen=True, slots=True)
class StoredCommand:
    """What is to be done about one interval."""

    id: str
    command: str
    subscription: str
    interval: int


class StoredCommands:
    """Rows of commands, each begun once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, command: str, subscription: str, interval: int, seconds: float) -> str:
        """Asks for something; returns the row's id.

        Args:
            subscription: its id, or ``delegated-<n>``: up to 24 characters.
            seconds: within which it may be begun.
        """
        row = {
            "id": str(uuid4()),
            "command": command,
            "subscription": subscription,
            "interval": interval,
            "expires_at": DatabaseTime() + seconds,
            "taken": False,
        }
        async with self._database.transaction() as connection:
            await connection.execute(insert(commands_table).values(row))
        return str(row["id"])

    async def take(self) -> StoredCommand | None:
        """Takes the oldest that nobody has begun, for this process alone; ``None`` without one."""
        table = commands_table.c
        open_now = (table.taken == false()) & (table.expires_at > DatabaseTime())
        oldest = select(table.id).where(open_now).order_by(table.expires_at).limit(1)
        statement = (
            update(commands_table)
            # Judged again once the row is ours: two may have seen the same one.
            .where(table.id == oldest.scalar_subquery(), open_now)
            .values(taken=True)
            .returning(table.id, table.command, table.subscription, table.interval)
        )
        async with self._database.transaction() as connection:
            row = (await connection.execute(statement)).one_or_none()
        return StoredCommand(*row) if row else None

    async def settle(self, id: str, outcome: str) -> None:
        """Says what became of one that was taken."""
        statement = update(commands_table).where(commands_table.c.id == id).values(outcome=outcome)
        async with self._database.transaction() as connection:
            await connection.execute(statement)

    async def outcome(self, id: str) -> str | None:
        """Returns what became of one, and forgets it; ``None`` as long as that is not known."""
        settled = (commands_table.c.id == id) & commands_table.c.outcome.is_not(None)
        statement = delete(commands_table).where(settled).returning(commands_table.c.outcome)
        async with self._database.transaction() as connection:
            return (await connection.execute(statement)).scalar_one_or_none()

    async def withdraw(self, id: str) -> bool:
        """Takes back what nobody has begun; ``False`` if somebody has."""
        unbegun = (commands_table.c.id == id) & (commands_table.c.taken == false())
        async with self._database.transaction() as connection:
            statement = delete(commands_table).where(unbegun).returning(commands_table.c.id)
            return (await connection.execute(statement)).one_or_none() is not None

    async def forget_old(self) -> None:
        """Deletes rows that nobody asks for any more."""
        over = commands_table.c.expires_at < DatabaseTime() - _KEPT_SECONDS
        async with self._database.transaction() as connection:
            await connection.execute(delete(commands_table).where(over))
