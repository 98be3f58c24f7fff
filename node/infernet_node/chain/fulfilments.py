"""Every interval that this node answers or has answered, as rows.

A row moves forward by compare-and-set::

    due -> inputs -> computed -> submitted -> answered
      \\_______\\__________\\___________\\____-> answered by another | failed | expired | ignored

What a row has recorded is never done again: not the reading of inputs, not the model, not
the transaction.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    Row,
    String,
    Table,
    UniqueConstraint,
    select,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from infernet_node.chain.columns import RowId
from infernet_node.chain.row_writes import Move, compare_and_set, insert_all
from infernet_node.chain.stages import OPEN, Stage
from infernet_node.chain.words import pack, unpack
from infernet_node.store.database import Database, metadata
from infernet_protocol.output import Delivery
from infernet_protocol.subscription import Subscription

_ROWS_AT_ONCE = 500
CONTAINER_WORD = 5
VERIFIER_WORD = 7
AMOUNT_WORD = 8
TOKEN_WORD = 9
"""Places in the struct, from 0, that queries look at."""
REORGANISED = "removed by a reorganisation"


fulfilments_table = Table(
    "chain_fulfilments",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("network", String(128), nullable=False),
    Column("subscription_id", BigInteger),
    Column("delegation_id", ForeignKey("chain_delegations.id")),
    Column("interval", BigInteger, nullable=False),
    Column("struct", LargeBinary, nullable=False),
    Column("stage", String(24), nullable=False, index=True),
    Column("reason", String(500)),
    Column("inputs", LargeBinary),
    Column("delivery_input", LargeBinary),
    Column("delivery_output", LargeBinary),
    Column("delivery_proof", LargeBinary),
    Column("sends", Integer, nullable=False, default=0),
    Column("reverts", Integer, nullable=False, default=0),
    Column("transaction_hash", String(66)),
    Column("verdict", String(16)),
    Column("verdict_block", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    UniqueConstraint("network", "subscription_id", "interval"),
    UniqueConstraint("delegation_id", "interval"),
)


@dataclass(frozen=True, slots=True)
class Fulfilment:
    """One interval of one subscription."""

    id: int
    subscription_id: int | None
    """``None`` while a delegated subscription is not on the chain."""
    delegation_id: int | None
    interval: int
    subscription: Subscription
    stage: Stage
    reason: str | None
    inputs: bytes | None
    delivery: Delivery | None
    sends: int
    """Transactions made for it before the present one."""
    reverts: int
    """How many of those failed on chain."""
    transaction_hash: str | None
    created_at: int
    """UNIX seconds."""

    @property
    def open(self) -> bool:
        return self.stage.open

    @property
    def reference(self) -> str:
        """Names the present transaction in the journal."""
        return reference_of(self.id, self.sends)

    @property
    def label(self) -> int | str:
        """How logs and operators name the subscription."""
        if self.subscription_id is not None:
            return self.subscription_id
        return f"delegated-{self.delegation_id}"


def reference_of(row_id: int, number: int) -> str:
    """Names in the journal a transaction that was made for a row; the first has the number 0."""
    return f"deliver/{row_id}/{number}"


class RowMovedError(RuntimeError):
    """A row is not where it was: its work was taken from who held it."""


class Fulfilments:
    """Rows of one Coordinator.

    Args:
        network: names chain and coordinator.
    """

    def __init__(self, database: Database, network: str) -> None:
        self._database = database
        self._network = network

    async def begin_all(self, due: Sequence[tuple[int, int, Subscription]]) -> list[Fulfilment]:
        """Adds rows for intervals that have come due, in one commit.

        Args:
            due: subscription id, interval and terms of each.

        Returns:
            The rows that are to be worked on: not those of intervals that have one already,
            unless a reorganisation ended it.
        """
        started: list[Fulfilment] = []
        for start in range(0, len(due), _ROWS_AT_ONCE):
            part = {(id_, interval): terms for id_, interval, terms in due[start:][:_ROWS_AT_ONCE]}
            async with self._database.transaction() as connection:
                known = await self._select(
                    connection,
                    tuple_(fulfilments_table.c.subscription_id, fulfilments_table.c.interval).in_(
                        part
                    ),
                )
                for row in known:
                    assert row.subscription_id is not None, "it was selected by its id"
                    terms = part.pop((row.subscription_id, row.interval))
                    if again := await self._taken_up(connection, row, terms):
                        started.append(again)
                started += await self._insert_all(connection, part)
        return started

    async def _insert_all(
        self, connection: AsyncConnection, due: Mapping[tuple[int, int], Subscription]
    ) -> list[Fulfilment]:
        if not due:
            return []
        now = int(time.time())
        rows = [
            self._due(now, subscription, interval, subscription_id=subscription_id)
            for (subscription_id, interval), subscription in due.items()
        ]
        ids = await insert_all(connection, fulfilments_table, rows)
        return [
            _new(row_id, subscription, interval, now, subscription_id=subscription_id)
            for row_id, ((subscription_id, interval), subscription) in zip(
                ids, due.items(), strict=True
            )
        ]

    async def _taken_up(
        self, connection: AsyncConnection, row: Fulfilment, subscription: Subscription
    ) -> Fulfilment | None:
        """Takes up a row that a reorganisation ended, with what it had recorded."""
        if row.stage is not Stage.IGNORED or row.reason != REORGANISED:
            return None
        changes = {
            "stage": Stage.DUE,
            "reason": None,
            "subscription": subscription,
            "sends": row.sends + 1,
        }
        if _task(row.subscription) != _task(subscription):
            changes["delivery"] = None
        return await self._move(connection, row, **changes)

    async def begin_delegated(
        self, delegation_id: int, subscription: Subscription, interval: int
    ) -> Fulfilment | None:
        """Adds a row for an interval of a delegated request; ``None`` if it has one already.

        A row that a reorganisation ended is taken up again, with what it had recorded.
        """
        now = int(time.time())
        async with self._database.transaction() as connection:
            known = await self._select(
                connection,
                fulfilments_table.c.delegation_id == delegation_id,
                fulfilments_table.c.interval == interval,
            )
            if known:
                return await self._taken_up(connection, known[0], subscription)
            values = self._due(now, subscription, interval, delegation_id=delegation_id)
            (row_id,) = await insert_all(connection, fulfilments_table, [values])
        return _new(row_id, subscription, interval, now, delegation_id=delegation_id)

    def _due(
        self, now: int, subscription: Subscription, interval: int, **ids: int
    ) -> dict[str, Any]:
        """Columns of a new row; ``ids`` says what it belongs to."""
        return {
            "network": self._network,
            "interval": interval,
            "struct": pack(subscription),
            "stage": Stage.DUE,
            "created_at": now,
            "updated_at": now,
            **ids,
        }

    async def move(self, row: Fulfilment, stage: Stage, **changes: Any) -> Fulfilment:
        """Changes a row's stage and other fields.

        Raises:
            RowMovedError: if it is not in the stage that ``row`` says.
        """
        changes["stage"] = stage
        return await self._database.shared.write(self._move_all, (row, changes))

    async def asked(self, row: Fulfilment, inputs: bytes) -> Fulfilment:
        """Records the inputs. What was answered to other ones before a reorganisation is void."""
        return await self.move(row, Stage.INPUTS, inputs=inputs, delivery=None, reason=None)

    async def open(self) -> list[Fulfilment]:
        """Rows that still need work."""
        return await self._read(fulfilments_table.c.stage.in_(OPEN))

    async def of_subscriptions(self, ids: Sequence[int]) -> list[Fulfilment]:
        """Rows of these subscriptions, whatever their stage."""
        found: list[Fulfilment] = []
        for start in range(0, len(ids), _ROWS_AT_ONCE):
            some = ids[start : start + _ROWS_AT_ONCE]
            found += await self._read(fulfilments_table.c.subscription_id.in_(some))
        return found

    async def of_delegation(self, delegation_id: int) -> list[Fulfilment]:
        async with self._database.transaction() as connection:
            return await self._select(
                connection, fulfilments_table.c.delegation_id == delegation_id
            )

    async def find(self, interval: int, **owner: int) -> Fulfilment | None:
        """The row of an interval; ``owner`` is a ``subscription_id`` or a ``delegation_id``."""
        conditions = [fulfilments_table.c[name] == value for name, value in owner.items()]
        found = await self._read(fulfilments_table.c.interval == interval, *conditions)
        return next(iter(found), None)

    async def get(self, row_id: int) -> Fulfilment | None:
        return next(iter(await self._read(fulfilments_table.c.id == row_id)), None)

    async def _move(
        self, connection: AsyncConnection, row: Fulfilment, **changes: Any
    ) -> Fulfilment:
        (moved,) = await self._move_all(connection, [(row, changes)])
        if isinstance(moved, RowMovedError):
            raise moved
        return cast(Fulfilment, moved)

    async def _move_all(
        self, connection: AsyncConnection, moves: Sequence[tuple[Fulfilment, dict[str, Any]]]
    ) -> list[Any]:
        """Compare-and-set: each result is the row as it is now, or a :class:`RowMovedError`."""
        now = int(time.time())
        changed = [(row, replace(row, **changes), changes) for row, changes in moves]
        moved = await compare_and_set(
            connection,
            fulfilments_table.c.stage,
            [
                Move(row.id, row.stage, {"updated_at": now, **_columns(after, changes)})
                for row, after, changes in changed
            ],
        )
        return [
            after if done else RowMovedError(f"fulfilment {row.id} is no longer {row.stage}")
            for (row, after, _), done in zip(changed, moved, strict=True)
        ]

    async def _read(self, *conditions: Any) -> list[Fulfilment]:
        async with self._database.transaction() as connection:
            return await self._select(connection, *conditions)

    async def _select(self, connection: AsyncConnection, *conditions: Any) -> list[Fulfilment]:
        rows = await connection.execute(
            select(fulfilments_table)
            .where(fulfilments_table.c.network == self._network, *conditions)
            .order_by(fulfilments_table.c.id)
        )
        return [fulfilment_of(row) for row in rows]


def _new(
    row_id: int,
    subscription: Subscription,
    interval: int,
    now: int,
    *,
    subscription_id: int | None = None,
    delegation_id: int | None = None,
) -> Fulfilment:
    return Fulfilment(
        id=row_id,
        subscription_id=subscription_id,
        delegation_id=delegation_id,
        interval=interval,
        subscription=subscription,
        stage=Stage.DUE,
        reason=None,
        inputs=None,
        delivery=None,
        sends=0,
        reverts=0,
        transaction_hash=None,
        created_at=now,
    )


def _task(subscription: Subscription) -> tuple[bytes, bool]:
    """What an answer depends on beside the inputs."""
    return subscription.container_id, subscription.requires_proof


def _columns(row: Fulfilment, changes: Iterable[str]) -> dict[str, Any]:
    """The columns behind some fields."""
    columns: dict[str, Any] = {}
    for name in changes:
        value = getattr(row, name)
        match name:
            case "subscription":
                columns["struct"] = pack(value)
            case "delivery":
                parts = value or (None, None, None)
                for part, content in zip(Delivery._fields, parts, strict=True):
                    columns[f"delivery_{part}"] = content
            case "reason":
                columns["reason"] = value and value[:500]
            case _:
                columns[name] = value
    return columns


def fulfilment_of(row: Row[Any]) -> Fulfilment:
    """Reads a row of the table."""
    delivery = None
    if row.delivery_output is not None:
        delivery = Delivery(row.delivery_input, row.delivery_output, row.delivery_proof)
    return Fulfilment(
        id=row.id,
        subscription_id=row.subscription_id,
        delegation_id=row.delegation_id,
        interval=row.interval,
        subscription=unpack(row.struct),
        stage=Stage(row.stage),
        reason=row.reason,
        inputs=row.inputs,
        delivery=delivery,
        sends=row.sends,
        reverts=row.reverts,
        transaction_hash=row.transaction_hash,
        created_at=row.created_at,
    )
