"""How the tables came to be, step by step, so that a node of any version can be updated.

A change of a table is a new file in ``versions``; files that were released never change.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

HEAD = "0005"
"""The newest step."""

_LOCK = 0x1F3A7


class MigrationError(Exception):
    """The tables are of a state from which there is no way to the present one."""


def migrate(connection: Connection) -> None:
    """Brings the tables up to date in one transaction, which the caller commits.

    Raises:
        MigrationError: if a newer node has been here, or tables are there that none has made.
    """
    if MigrationContext.configure(connection).get_current_heads() == (HEAD,):
        return
    _lock(connection)
    found = MigrationContext.configure(connection).get_current_heads()
    if found and found[0] > HEAD:
        raise MigrationError(f"a newer node (step {found[0]}) has used it; run that version")
    if not found and inspect(connection).has_table("jobs"):
        raise MigrationError("it holds tables of an unreleased version; remove them or it")
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    command.upgrade(config, HEAD)


def _lock(connection: Connection) -> None:
    """Keeps a second process from doing the same, and a crash from doing half of it."""
    if connection.dialect.name == "sqlite":
        # Python's driver begins no transaction for a change of tables.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
