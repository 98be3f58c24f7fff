"""PostgreSQL, with a bound on how long the server may say nothing.

A server that goes silent without closing its connections (a machine that is cut off or stands
still, a firewall that has forgotten a connection) would hold whoever asked until TCP gives up, a
quarter of an hour later. Here the connection is given up instead: its transport is torn off, which
the driver reports as it reports any lost connection. A timeout of the driver's own would not do: it
sends the server a cancellation, and then waits for the answer to that.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

SILENCE = 30.0
"""Seconds that one statement may take, or the making of a connection; what the node asks takes
milliseconds."""
PATIENT = "patient"
"""Execution option of a connection whose statements may take as long as they like."""

_GOOD_BYE = 1.0
"""Seconds for each connection that is closed: nobody needs the answer."""
_ASYNCPG, _BOUNDED = "postgresql+asyncpg", "postgresql+bounded"


def server_engine(url: URL) -> AsyncEngine:
    """Returns an engine for a server; the bound is for the driver asyncpg alone."""
    arguments: dict[str, Any] = {}
    if url.drivername == _ASYNCPG:
        url = url.set(drivername=_BOUNDED)
        arguments["timeout"] = SILENCE
    # Our addition to the URL: where in a database that others use too the tables are.
    if schema := url.query.get("schema"):
        arguments["server_settings"] = {"search_path": schema}
    return create_async_engine(
        url.difference_update_query(["schema"]),
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args=arguments,
    )


class BoundedDialect(PGDialect_asyncpg):
    """Gives a connection up on which an answer takes too long."""

    supports_statement_cache = True

    def do_execute(self, cursor: Any, statement: Any, parameters: Any, context: Any = None) -> None:
        with _of(context):
            cast(Any, super()).do_execute(cursor, statement, parameters, context)

    def do_executemany(
        self, cursor: Any, statement: Any, parameters: Any, context: Any = None
    ) -> None:
        with _of(context):
            cast(Any, super()).do_executemany(cursor, statement, parameters, context)

    def do_commit(self, dbapi_connection: Any) -> None:
        with _bounded(dbapi_connection):
            cast(Any, super()).do_commit(dbapi_connection)

    def do_rollback(self, dbapi_connection: Any) -> None:
        with _bounded(dbapi_connection):
            cast(Any, super()).do_rollback(dbapi_connection)

    def do_ping(self, dbapi_connection: Any) -> bool:
        with _bounded(dbapi_connection):
            return bool(cast(Any, super()).do_ping(dbapi_connection))

    def do_close(self, dbapi_connection: Any) -> None:
        with _bounded(dbapi_connection, _GOOD_BYE):
            cast(Any, super()).do_close(dbapi_connection)


registry.register(_BOUNDED.replace("+", "."), __name__, BoundedDialect.__name__)


@contextmanager
def _of(context: Any) -> Iterator[None]:
    if context.execution_options.get(PATIENT):
        yield
        return
    with _bounded(context.root_connection.connection):
        yield


@contextmanager
def _bounded(connection: Any, seconds: float | None = None) -> Iterator[None]:
    giving_up = asyncio.get_running_loop().call_later(
        seconds or SILENCE, connection.driver_connection.terminate
    )
    try:
        yield
    finally:
        giving_up.cancel()
