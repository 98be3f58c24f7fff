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


class NotMigratedError(MigrationError):
    """A node of this version that starts makes the tables, or brings them up to date."""


def require_up_to_date(connection: Connection) -> None:
    """Looks at the state of the tables, and changes nothing.

    Raises:
        NotMigratedError: if no node of this version has been here yet.
        MigrationError: if none can work with them.
    """
    found = _found(connection)
    if not found:
        raise NotMigratedError("no node has used it yet; infernet-node run makes its tables")
    if found != HEAD:
        raise NotMigratedError(
            f"its tables are of an earlier version (step {found}, here {HEAD}); as long as a node "
            "of that version runs use its infernet-node, and infernet-node run of this one brings "
            "them up to date"
        )


def migrate(connection: Connection) -> None:
    """Brings the tables up to date in one transaction, which the caller commits.

    Raises:
        MigrationError: if a newer node has been here, or tables are there that none has made.
    """
    if MigrationContext.configure(connection).get_current_heads() == (HEAD,):
        return
    _lock(connection)
    _found(connection)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    command.upgrade(config, HEAD)


def _found(connection: Connection) -> str | None:
    """Returns the step that the tables are at, ``None`` if there are none."""
    found = next(iter(MigrationContext.configure(connection).get_current_heads()), None)
    if found and found > HEAD:
        raise MigrationError(f"a newer node (step {found}) has used it; run that version")
    if not found and inspect(connection).has_table("jobs"):
        raise MigrationError("it holds tables of an unreleased version; remove them or it")
    return found


def _lock(connection: Connection) -> None:
    """Keeps a second process from doing the same, and a crash from doing half of it."""
    if connection.dialect.name == "sqlite":
        # Python's driver begins no transaction for a change of tables.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
