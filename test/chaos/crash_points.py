"""``infernet-node`` that kills itself at a named point: before or after any write or send.

``python -m test.chaos.crash_points run --config …`` is the node as it is. What makes it crash
is put around the library that its store is made of, and around the one call that sends
transactions, so every write is a point, also one that is added tomorrow.
"""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.engine import Engine
from sqlalchemy.engine.default import DefaultDialect

from infernet_node.chain.rpc import Rpc
from infernet_node.cli import main

CRASH_AT = "CRASH_AT"
"""Environment: the name of the point, as in the ledger; empty for none."""
LEDGER = "CRASH_LEDGER"
"""Environment: the file to which each point that is reached is appended, one a line."""
_PROGRESS = ("state", "stage", "verdict", "phase", "tracking")
"""Columns that say how far something is."""


class Points:
    """Notes each point that is reached, and kills at one of them."""

    def __init__(self, at: str, ledger: Path) -> None:
        self._at = at
        # What is written is the kernel's at once, and survives the process.
        self._ledger = os.open(ledger, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def reach(self, name: str) -> None:
        os.write(self._ledger, f"{name}\n".encode())
        if name == self._at:
            os.kill(os.getpid(), signal.SIGKILL)


def around_writes(points: Points) -> None:
    """Makes every commit that writes a point before and a point after."""
    written: list[str] = []

    @event.listens_for(Engine, "before_cursor_execute")
    def statement(
        _connection: Connection, _cursor: Any, _sql: str, _values: Any, context: Any, _many: bool
    ) -> None:
        if context.isinsert or context.isupdate or context.isdelete:
            written.extend(_named(context))

    @event.listens_for(Engine, "rollback")
    def rollback(_connection: Connection) -> None:
        written.clear()

    commit = DefaultDialect.do_commit

    def do_commit(dialect: DefaultDialect, connection: Any) -> None:
        # One transaction at a time, as the store promises for SQLite.
        names = list(dict.fromkeys(written))
        written.clear()
        for name in names:
            points.reach(f"before {name}")
        commit(dialect, connection)  # type: ignore[no-untyped-call]
        for name in names:
            points.reach(f"after {name}")

    DefaultDialect.do_commit = do_commit  # type: ignore[method-assign]


def _named(context: Any) -> Iterator[str]:
    """Names a write by its table, and by how far it takes the row where it says so."""
    table = context.compiled.statement.table.name
    for values in context.compiled_parameters:
        progress = next((str(values[name]) for name in _PROGRESS if name in values), "")
        yield f"{table} {progress}".strip()


def around_sends(points: Points) -> None:
    send = Rpc.send_raw_transaction

    async def send_raw_transaction(rpc: Rpc, raw: bytes) -> str:
        points.reach("before send")
        hash_ = await send(rpc, raw)
        points.reach("after send")
        return hash_

    Rpc.send_raw_transaction = send_raw_transaction  # type: ignore[assignment, method-assign]


if __name__ == "__main__":
    reached = Points(os.environ.get(CRASH_AT, ""), Path(os.environ[LEDGER]))
    around_writes(reached)
    around_sends(reached)
    main()
