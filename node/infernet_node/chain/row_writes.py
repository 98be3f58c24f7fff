"""Many rows in few statements: new ones, and ones that move from where they are believed to be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Column, Table, Update, bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection


async def insert_all(
    connection: AsyncConnection, table: Table, rows: Sequence[Mapping[str, Any]]
) -> Sequence[int]:
    """Adds one row or more, as part of a transaction; returns their ids, in the same order."""
    statement = insert(table).returning(table.c.id, sort_by_parameter_order=True)
    ids: Sequence[int] = (await connection.execute(statement, rows)).scalars().all()
    return ids


@dataclass(frozen=True, slots=True)
class Move:
    """A change of one row."""

    row_id: int
    expected: str
    """The state that the row has to be in."""
    columns: Mapping[str, Any]
    """New values by column name."""


async def compare_and_set(
    connection: AsyncConnection, state: Column[str], moves: Sequence[Move]
) -> list[bool]:
    """Carries out those moves whose row is where it is expected, as part of a transaction.

    Args:
        state: the column that says where a row is; the table's key is ``id``.
        moves: of different rows.

    Returns:
        For each move whether it was carried out.
    """
    row_id = state.table.c.id
    query = select(row_id, state).where(row_id.in_([move.row_id for move in moves]))
    rows = await connection.execute(query.with_for_update())
    found: dict[int, str] = {row[0]: row[1] for row in rows}
    moved = [found.get(move.row_id) == move.expected for move in moves]
    values: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for move, allowed in zip(moves, moved, strict=True):
        if allowed:
            changed = {"row_id": move.row_id, **move.columns}
            values.setdefault(tuple(move.columns), []).append(changed)
    for names, changes in values.items():
        await connection.execute(_update_of(state, names), changes)
    return moved


@cache
def _update_of(state: Column[str], names: tuple[str, ...]) -> Update:
    table = state.table
    values: dict[str, Any] = {name: bindparam(name) for name in names}
    return update(table).where(table.c.id == bindparam("row_id")).values(values)
