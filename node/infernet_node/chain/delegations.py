"""Subscriptions signed off chain, kept until they are delivered or expire."""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    LargeBinary,
    Row,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from infernet_node.chain.columns import RowId, Wei
from infernet_node.chain.words import pack, unpack
from infernet_node.store.database import Database, metadata
from infernet_protocol.delegation import Signature
from infernet_protocol.subscription import Subscription


class Phase(StrEnum):
    """Where a delegated request is."""

    OPEN = "open"
    CREATED = "created"
    """The subscription is on the chain; it continues like any other."""
    ENDED = "ended"


_delegations = Table(
    "chain_delegations",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("network", String(128), nullable=False),
    Column("owner", String(42), nullable=False),
    Column("nonce", BigInteger, nullable=False),
    Column("expiry", BigInteger, nullable=False),
    Column("v", SmallInteger, nullable=False),
    Column("r", Wei, nullable=False),
    Column("s", Wei, nullable=False),
    Column("struct", LargeBinary, nullable=False),
    Column("data", Text, nullable=False),
    Column("phase", String(16), nullable=False, index=True),
    Column("subscription_id", BigInteger),
    UniqueConstraint("network", "owner", "nonce"),
)


@dataclass(frozen=True, slots=True)
class Delegation:
    """An accepted request. Its first interval is computed from ``data``."""

    id: int
    subscription: Subscription
    signature: Signature
    data: dict[str, Any]
    phase: Phase
    subscription_id: int | None
    """Its id once it is on the chain."""


class Delegations:
    """Rows of one Coordinator.

    Args:
        network: names chain and coordinator.
    """

    def __init__(self, database: Database, network: str) -> None:
        self._database = database
        self._network = network

    async def accept(
        self, subscription: Subscription, signature: Signature, data: dict[str, Any]
    ) -> tuple[Delegation, bool]:
        """Adds a request, unless its owner and nonce have one.

        Returns:
            The row that owner and nonce have, and whether it is new.
        """
        try:
            return await self._accept(subscription, signature, data)
        except IntegrityError:  # another process was first: its row is there now
            return await self._accept(subscription, signature, data)

    async def _accept(
        self, subscription: Subscription, signature: Signature, data: dict[str, Any]
    ) -> tuple[Delegation, bool]:
        same = (
            _delegations.c.owner == subscription.owner,
            _delegations.c.nonce == signature.nonce,
        )
        async with self._database.transaction() as connection:
            known = await self._select(connection, *same)
            if known:
                return known[0], False
            await connection.execute(
                insert(_delegations).values(
                    network=self._network,
                    owner=subscription.owner,
                    nonce=signature.nonce,
                    expiry=signature.expiry,
                    v=signature.v,
                    r=signature.r,
                    s=signature.s,
                    struct=pack(subscription),
                    data=json.dumps(data),
                    phase=Phase.OPEN,
                )
            )
            return (await self._select(connection, *same))[0], True

    async def get(self, delegation_id: int) -> Delegation:
        async with self._database.transaction() as connection:
            return (await self._select(connection, _delegations.c.id == delegation_id))[0]

    async def find(self, owner: str, nonce: int) -> Delegation | None:
        async with self._database.transaction() as connection:
            found = await self._select(
                connection, _delegations.c.owner == owner, _delegations.c.nonce == nonce
            )
            return found[0] if found else None

    async def open(self) -> list[Delegation]:
        """Requests that are neither on the chain nor ended."""
        async with self._database.transaction() as connection:
            return await self._select(connection, _delegations.c.phase == Phase.OPEN)

    async def created_from(self, subscription_id: int) -> list[Delegation]:
        """Requests that have this id on the chain, or a higher one."""
        async with self._database.transaction() as connection:
            return await self._select(
                connection,
                _delegations.c.phase == Phase.CREATED,
                _delegations.c.subscription_id >= subscription_id,
            )

    async def set_phase(
        self, delegation_id: int, phase: Phase, subscription_id: int | None = None
    ) -> None:
        async with self._database.transaction() as connection:
            await connection.execute(
                update(_delegations)
                .where(_delegations.c.id == delegation_id)
                .values(phase=phase, subscription_id=subscription_id)
            )

    async def _select(self, connection: AsyncConnection, *conditions: Any) -> list[Delegation]:
        rows = await connection.execute(
            select(_delegations)
            .where(_delegations.c.network == self._network, *conditions)
            .order_by(_delegations.c.id)
        )
        return [_delegation(row) for row in rows]


def _delegation(row: Row[Any]) -> Delegation:
    return Delegation(
        id=row.id,
        subscription=unpack(row.struct),
        signature=Signature(row.nonce, row.expiry, row.v, row.r, row.s),
        data=json.loads(row.data),
        phase=Phase(row.phase),
        subscription_id=row.subscription_id,
    )
