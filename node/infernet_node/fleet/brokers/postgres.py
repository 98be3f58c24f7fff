"""PostgreSQL's LISTEN and NOTIFY: no further service where the store is PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg
from sqlalchemy.engine import make_url

from infernet_node.fleet.broker import BrokerError, Channel, Hear

_SECONDS = 5.0
_LOST = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError)


class PostgresBroker:
    """A connection of its own, since one that listens must not go back into a pool.

    Args:
        url: of any database of the server, in SQLAlchemy's form or in PostgreSQL's.
    """

    def __init__(self, url: str, channel: str) -> None:
        parsed = make_url(url).set(drivername="postgresql+asyncpg")
        self.label = parsed.render_as_string(hide_password=True)
        self._channel = channel
        parsed = parsed.difference_update_query(["schema"])
        _, self._arguments = parsed.get_dialect()().create_connect_args(parsed)

    @asynccontextmanager
    async def connect(self, hear: Hear) -> AsyncIterator[Channel]:
        def heard(_connection: Any, _process: int, _channel: str, payload: str) -> None:
            hear(payload.encode())

        async def publish(message: bytes) -> None:
            try:
                await connection.execute(
                    "SELECT pg_notify($1, $2)", self._channel, message.decode(), timeout=_SECONDS
                )
            except _LOST as error:
                raise _broker_error(error) from error

        async def lost() -> None:
            await ended.wait()

        ended = asyncio.Event()
        connection = await self._open()
        try:
            connection.add_termination_listener(lambda _: ended.set())
            await connection.add_listener(self._channel, heard)
            yield Channel(publish, lost)
        except _LOST as error:
            raise _broker_error(error) from error
        finally:
            with suppress(*_LOST):
                await connection.close(timeout=_SECONDS)

    async def _open(self) -> asyncpg.Connection:
        try:
            return await asyncpg.connect(**self._arguments, timeout=_SECONDS)
        except (*_LOST, ValueError) as error:
            raise _broker_error(error) from error


def _broker_error(error: Exception) -> BrokerError:
    # The server's texts name user and database, and never the password.
    return BrokerError(str(error) or type(error).__name__)
