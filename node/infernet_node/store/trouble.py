"""Trouble of a database that passes, in one form, however its driver reports it."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError, InternalError, OperationalError

_PASSES = frozenset({"08", "40", "53", "57", "58"})
"""Classes of SQLSTATE: connection, rolled back for others' sake, out of something, stopped by an
operator, trouble of the system."""


@contextmanager
def trouble_named() -> Iterator[None]:
    """Raises :class:`OperationalError` where trying again later is of use.

    SQLAlchemy lets some errors of asyncpg and of sockets through, and calls others by the name of
    no class in particular.
    """
    try:
        yield
    except DBAPIError as error:
        state = getattr(error.orig, "sqlstate", None) or ""
        # Without a state it comes from the driver, which has lost its connection half-way.
        lost = error.connection_invalidated or (isinstance(error, InternalError) and not state)
        passes = lost or state[:2] in _PASSES
        if isinstance(error, OperationalError) or error.orig is None or not passes:
            raise
        raise OperationalError(error.statement, None, error.orig) from error
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise OperationalError(None, None, error) from error
