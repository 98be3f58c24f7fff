"""The subscriptions that concern this node, as rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    LargeBinary,
    Row,
    String,
    Table,
    bindparam,
    delete,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from infernet_node.chain.words import pack, unpack
from infernet_node.store.database import Database, metadata
from infernet_protocol.subscription import Subscription


class Tracking(StrEnum):
    """What the node does about a subscription."""

    TRACKED = "tracked"
    IGNORED = "ignored"
    """Not for this node, for a reason."""
    ENDED = "ended"
    """Nothing is left to do: cancelled, expired, completed or given up."""


subscriptions_table = Table(
    "chain_subscriptions",
    metadata,
    Column("network", String(128), primary_key=True),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("struct", LargeBinary, nullable=False),
    Column("tracking", String(16), nullable=False, index=True),
    Column("reason", String(500)),
    Column("block", BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Tracked:
    """A subscription and what was decided about it."""

    id: int
    subscription: Subscription
    tracking: Tracking
    reason: str | None
    block: int
    """The block at which this was read."""


class Subscriptions:
    """Rows of one Coordinator.

    Args:
        network: names chain and coordinator.
    """

    def __init__(self, database: Database, network: str) -> None:
        self._database = database
        self._network = network

    async def tracked(self) -> list[Tracked]:
        """Returns those that are being served."""
        async with self._database.transaction() as connection:
            return await self._select(
                connection, subscriptions_table.c.tracking == Tracking.TRACKED
            )

    async def get(self, subscription_id: int) -> Tracked | None:
        async with self._database.transaction() as connection:
            found = await self._select(connection, subscriptions_table.c.id == subscription_id)
            return found[0] if found else None

    async def touched(self, after_block: int, next_id: int) -> list[Tracked]:
        """Returns those read after a block, or with this id or a higher one."""
        async with self._database.transaction() as connection:
            return await self._select(
                connection,
                or_(subscriptions_table.c.block > after_block, subscriptions_table.c.id >= next_id),
            )

    async def end(self, subscription_id: int, reason: str) -> None:
        """Stops serving one; one that is not served is left as it is."""
        await self._database.shared.write(self._end_all, (subscription_id, reason))

    async def _end_all(
        self, connection: AsyncConnection, ends: Sequence[tuple[int, str]]
    ) -> list[None]:
        statement = (
            update(subscriptions_table)
            .where(
                subscriptions_table.c.network == self._network,
                subscriptions_table.c.id == bindparam("ended"),
                subscriptions_table.c.tracking == Tracking.TRACKED,
            )
            .values(tracking=Tracking.ENDED, reason=bindparam("why"))
        )
        rows = [{"ended": id_, "why": reason[:500]} for id_, reason in ends]
        await connection.execute(statement, rows)
        return [None] * len(ends)

    async def resume(self, subscription_id: int) -> None:
        """Goes on serving one that has ended; one that has not is left as it is."""
        async with self._database.transaction() as connection:
            await connection.execute(
                update(subscriptions_table)
                .where(
                    subscriptions_table.c.network == self._network,
                    subscriptions_table.c.id == subscription_id,
                    subscriptions_table.c.tracking == Tracking.ENDED,
                )
                .values(tracking=Tracking.TRACKED, reason=None)
            )

    async def save(self, connection: AsyncConnection, rows: Sequence[Tracked]) -> None:
        """Writes rows over what they replace, as part of a transaction."""
        await self.delete(connection, [row.id for row in rows])
        if rows:
            await connection.execute(
                insert(subscriptions_table), [self._values(row) for row in rows]
            )

    async def delete(self, connection: AsyncConnection, ids: Sequence[int]) -> None:
        """Forgets some that a reorganisation took away, as part of a transaction."""
        if ids:
            await connection.execute(
                delete(subscriptions_table).where(
                    subscriptions_table.c.network == self._network,
                    subscriptions_table.c.id == bindparam("unwanted"),
                ),
                [{"unwanted": subscription_id} for subscription_id in ids],
            )

    def _values(self, row: Tracked) -> dict[str, Any]:
        return {
            "network": self._network,
            "id": row.id,
            "struct": pack(row.subscription),
            "tracking": row.tracking,
            "reason": row.reason and row.reason[:500],
            "block": row.block,
        }

    async def _select(self, connection: AsyncConnection, *conditions: Any) -> list[Tracked]:
        rows = await connection.execute(
            select(subscriptions_table)
            .where(subscriptions_table.c.network == self._network, *conditions)
            .order_by(subscriptions_table.c.id)
        )
        return [_tracked(row) for row in rows]


def _tracked(row: Row[Any]) -> Tracked:
    return Tracked(
        id=row.id,
        subscription=unpack(row.struct),
        tracking=Tracking(row.tracking),
        reason=row.reason,
        block=row.block,
    )
