"""The durable record of every transaction that one account sends on one chain.

A row moves forward by compare-and-set::

    prepared -> signed -> broadcast -> mined -> final
         \\          \\__________\\________\\____-> replaced | failed

``final`` means enough confirmations and success; ``failed`` names a reason; ``replaced``
means that another transaction used the nonce. A reorganisation moves a row back to
``broadcast``. Each price that was ever signed for a row is kept, since any of them may be
the one that is mined.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    Row,
    String,
    Table,
    UniqueConstraint,
    func,
    insert,
    select,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from infernet_node.chain.columns import RowId, Wei
from infernet_node.chain.fees import Fees
from infernet_node.chain.row_writes import Move, compare_and_set, insert_all
from infernet_node.store.database import Database, metadata


class State(StrEnum):
    """Where a transaction is in its life."""

    PREPARED = "prepared"
    SIGNED = "signed"
    BROADCAST = "broadcast"
    MINED = "mined"
    FINAL = "final"
    REPLACED = "replaced"
    FAILED = "failed"


OPEN = (State.PREPARED, State.SIGNED, State.BROADCAST, State.MINED)
IN_FLIGHT = (State.SIGNED, State.BROADCAST, State.MINED)

transactions_table = Table(
    "chain_transactions",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("lane", String(128), nullable=False),
    Column("reference", String(128), nullable=False),
    Column("to", String(42), nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("value", Wei, nullable=False),
    Column("gas", BigInteger, nullable=False),
    # Null in rows of earlier versions, which simulated what a crash had left unsigned.
    Column("gas_given", Boolean),
    Column("deadline", BigInteger),
    Column("state", String(16), nullable=False, index=True),
    Column("reason", String(500)),
    Column("nonce", BigInteger),
    Column("mined_hash", String(66)),
    Column("block_number", BigInteger),
    Column("block_hash", String(66)),
    Column("succeeded", Boolean),
    UniqueConstraint("lane", "reference"),
    UniqueConstraint("lane", "nonce"),
)

signatures_table = Table(
    "chain_signatures",
    metadata,
    Column("transaction_id", ForeignKey("chain_transactions.id"), primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("hash", String(66), nullable=False, index=True),
    Column("raw", LargeBinary, nullable=False),
    Column("max_fee", Wei, nullable=False),
    Column("tip", Wei),
    Column("cancels", Boolean, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Intent:
    """A transaction that somebody wants sent once."""

    reference: str
    """Names the intent for ever; a second one of the same name is the same transaction."""
    to: str
    data: bytes = b""
    value: int = 0
    """Wei."""
    deadline: int | None = None
    """Chain time (UNIX seconds) from which the transaction is pointless."""
    gas: int | None = None
    """Gas limit; ``None`` to estimate, which also simulates. Give one to skip the simulation."""


@dataclass(frozen=True, slots=True)
class Signed:
    """One signed form of a transaction."""

    hash: str
    raw: bytes
    fees: Fees
    cancels: bool
    """Whether it does nothing but use the nonce up."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the journal with everything signed for it, oldest first."""

    id: int
    reference: str
    to: str
    data: bytes
    value: int
    gas: int
    gas_given: bool
    """Whether it is what was asked for, so that nobody simulates the transaction."""
    deadline: int | None
    state: State
    reason: str | None
    nonce: int | None
    mined_hash: str | None
    block_number: int | None
    block_hash: str | None
    succeeded: bool | None
    signatures: tuple[Signed, ...]

    @property
    def settled(self) -> bool:
        return self.state not in OPEN

    @property
    def cancelling(self) -> bool:
        """Whether the nonce is being used up instead of sending what was wanted."""
        return bool(self.signatures) and self.signatures[-1].cancels


class StaleRowError(RuntimeError):
    """Another process moved a row that this one believed to own: two use one account."""


class Journal:
    """Rows of one account on one chain.

    Args:
        lane: names chain and account.
    """

    def __init__(self, database: Database, lane: str) -> None:
        self._database = database
        self._lane = lane

    async def prepare(self, intent: Intent, gas: int) -> Entry:
        """Adds an intent, or returns the row that it already has."""
        return await self._database.shared.write(self._prepare_all, (intent, gas))

    async def _prepare_all(
        self, connection: AsyncConnection, intents: Sequence[tuple[Intent, int]]
    ) -> list[Entry]:
        references = [intent.reference for intent, _ in intents]
        known = await self._find(connection, transactions_table.c.reference.in_(references))
        entries = {entry.reference: entry for entry in known}
        new = {
            intent.reference: (intent, gas)
            for intent, gas in intents
            if intent.reference not in entries
        }
        if new:
            rows = [self._values(intent, gas) for intent, gas in new.values()]
            ids = await insert_all(connection, transactions_table, rows)
            for row_id, (intent, gas) in zip(ids, new.values(), strict=True):
                entries[intent.reference] = _prepared(row_id, intent, gas)
        return [entries[reference] for reference in references]

    def _values(self, intent: Intent, gas: int) -> dict[str, Any]:
        return {
            "lane": self._lane,
            "reference": intent.reference,
            "to": intent.to,
            "data": intent.data,
            "value": intent.value,
            "gas": gas,
            "gas_given": intent.gas is not None,
            "deadline": intent.deadline,
            "state": State.PREPARED,
        }

    async def sign(
        self, entry: Entry, nonce: int, signed: Signed, reason: str | None = None
    ) -> Entry:
        """Adds a signed form; the first one binds the row to its nonce, in one commit.

        Args:
            reason: why the nonce is being used up, kept for the day that it is.

        Raises:
            StaleRowError: if the row is not in the state that ``entry`` says.
        """
        columns = {"state": State.SIGNED, "nonce": nonce, "reason": reason or entry.reason}
        return await self._database.shared.write(self._move_all, (entry, columns, signed))

    async def fill(self, nonce: int, sender: str, gas: int, signed: Signed) -> Entry:
        """Adds a row that nobody asked for, to use up a nonce that stops those after it."""
        reference = f"fill nonce {nonce}"
        values = self._values(Intent(reference, sender), gas)
        values |= {"state": State.SIGNED, "nonce": nonce, "reason": "fills a gap in the nonces"}
        async with self._database.transaction() as connection:
            await connection.execute(insert(transactions_table).values(values))
            (row,) = await self._find(connection, transactions_table.c.reference == reference)
            await connection.execute(insert(signatures_table), _signature(row.id, 0, signed))
            return (await self._find(connection, transactions_table.c.id == row.id))[0]

    async def move(self, entry: Entry, state: State, **columns: Any) -> Entry:
        """Changes a row's state and other columns.

        Raises:
            StaleRowError: if the row is not in the state that ``entry`` says.
        """
        columns["state"] = state
        return await self._database.shared.write(self._move_all, (entry, columns, None))

    async def by_reference(self, reference: str) -> Entry | None:
        return await self._database.shared.write(self._find_all, reference)

    async def _find_all(
        self, connection: AsyncConnection, references: Sequence[str]
    ) -> list[Entry | None]:
        found = await self._find(connection, transactions_table.c.reference.in_(references))
        entries = {entry.reference: entry for entry in found}
        return [entries.get(reference) for reference in references]

    async def open(self) -> list[Entry]:
        """Rows that are not settled, by nonce, those without one last."""
        return await self._select(transactions_table.c.state.in_(OPEN))

    async def settled_from_nonce(self, nonce: int) -> list[Entry]:
        """Settled rows with this nonce or a higher one."""
        return await self._select(
            transactions_table.c.state.not_in(OPEN), transactions_table.c.nonce >= nonce
        )

    async def settled_from_block(self, number: int) -> list[Entry]:
        """Settled rows that were mined in this block or a later one."""
        return await self._select(
            transactions_table.c.state.not_in(OPEN), transactions_table.c.block_number >= number
        )

    async def next_nonce(self, *, settled: bool = False) -> int:
        """The lowest nonce above all that were ever signed, or above all that are settled."""
        conditions = [transactions_table.c.lane == self._lane]
        if settled:
            conditions.append(transactions_table.c.state.not_in(OPEN))
        async with self._database.transaction() as connection:
            highest = await connection.scalar(
                select(func.max(transactions_table.c.nonce)).where(*conditions)
            )
            return 0 if highest is None else int(highest) + 1

    async def _move_all(
        self,
        connection: AsyncConnection,
        moves: Sequence[tuple[Entry, dict[str, Any], Signed | None]],
    ) -> list[Any]:
        """Compare-and-set: each result is the row as it is now, or a :class:`StaleRowError`."""
        moved = await compare_and_set(
            connection,
            transactions_table.c.state,
            [Move(entry.id, entry.state, columns) for entry, columns, _ in moves],
        )
        results: list[Any] = []
        signatures: list[dict[str, Any]] = []
        for (entry, columns, signed), done in zip(moves, moved, strict=True):
            if not done:
                text = f"transaction {entry.reference} is no longer {entry.state}"
                results.append(StaleRowError(text))
                continue
            changed = replace(entry, **columns)
            if signed is not None:
                signatures.append(_signature(entry.id, len(entry.signatures), signed))
                changed = replace(changed, signatures=(*entry.signatures, signed))
            results.append(changed)
        if signatures:
            await connection.execute(insert(signatures_table), signatures)
        return results

    async def _select(self, *conditions: Any) -> list[Entry]:
        async with self._database.transaction() as connection:
            return await self._find(connection, *conditions)

    async def _find(self, connection: AsyncConnection, *conditions: Any) -> list[Entry]:
        wanted = (transactions_table.c.lane == self._lane, *conditions)
        rows = await connection.execute(
            select(transactions_table)
            .where(*wanted)
            .order_by(
                transactions_table.c.nonce.is_(None),
                transactions_table.c.nonce,
                transactions_table.c.id,
            )
        )
        found = rows.all()
        # Not by the ids found: a deep reorganisation finds more than a statement has parameters.
        signed = await connection.execute(
            select(signatures_table)
            .where(
                signatures_table.c.transaction_id.in_(
                    select(transactions_table.c.id).where(*wanted)
                )
            )
            .order_by(signatures_table.c.sequence)
        )
        by_transaction: dict[int, list[Row[Any]]] = {}
        for row in signed:
            by_transaction.setdefault(row.transaction_id, []).append(row)
        return [_entry(row, by_transaction.get(row.id, [])) for row in found]


def _signature(row_id: int, sequence: int, signed: Signed) -> dict[str, Any]:
    return {
        "transaction_id": row_id,
        "sequence": sequence,
        "hash": signed.hash,
        "raw": signed.raw,
        "max_fee": signed.fees.max_fee,
        "tip": signed.fees.tip,
        "cancels": signed.cancels,
    }


def _prepared(row_id: int, intent: Intent, gas: int) -> Entry:
    return Entry(
        id=row_id,
        reference=intent.reference,
        to=intent.to,
        data=intent.data,
        value=intent.value,
        gas=gas,
        gas_given=intent.gas is not None,
        deadline=intent.deadline,
        state=State.PREPARED,
        reason=None,
        nonce=None,
        mined_hash=None,
        block_number=None,
        block_hash=None,
        succeeded=None,
        signatures=(),
    )


def _entry(row: Row[Any], signatures: Sequence[Row[Any]]) -> Entry:
    return Entry(
        id=row.id,
        reference=row.reference,
        to=row.to,
        data=row.data,
        value=row.value,
        gas=row.gas,
        gas_given=bool(row.gas_given),
        deadline=row.deadline,
        state=State(row.state),
        reason=row.reason,
        nonce=row.nonce,
        mined_hash=row.mined_hash,
        block_number=row.block_number,
        block_hash=row.block_hash,
        succeeded=row.succeeded,
        signatures=tuple(
            Signed(sign.hash, sign.raw, Fees(sign.max_fee, sign.tip), sign.cancels)
            for sign in signatures
        ),
    )
