"""The one clock that processes on several machines share: the database's."""

from typing import Any

from sqlalchemy import Float
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class DatabaseTime(FunctionElement[float]):
    """UNIX seconds by the database's clock, at the moment that a statement is executed."""

    type = Float()
    inherit_cache = True


@compiles(DatabaseTime, "postgresql")
def _postgresql(element: DatabaseTime, compiler: Any, **_: Any) -> str:
    # Not now(), which stands still during a transaction.
    return "extract(epoch FROM clock_timestamp())::double precision"


@compiles(DatabaseTime, "sqlite")
def _sqlite(element: DatabaseTime, compiler: Any, **_: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"
