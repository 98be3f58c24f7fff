"""NATS: core publish and subscribe; JetStream is not needed, since nothing has to be kept."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from infernet_node.config.fleet import servers_in
from infernet_node.fleet.broker import BrokerError, Channel, Hear

_SECONDS = 5
_LOST = (OSError, NatsError, TimeoutError)


class NatsBroker:
    """Args:
    url: ``nats://`` or ``tls://``, with user and password or a token where the server asks;
        several of one cluster are separated by commas.
    """

    def __init__(self, url: str, channel: str) -> None:
        self._urls = servers_in(url)
        self.label = ",".join(_shown(each) for each in self._urls)
        self._channel = channel

    @asynccontextmanager
    async def connect(self, hear: Hear) -> AsyncIterator[Channel]:
        async def heard(message: Msg) -> None:
            hear(message.data)

        async def publish(message: bytes) -> None:
            try:
                await client.publish(self._channel, message)
            except _LOST as error:
                raise _broker_error(error) from error

        async def lost() -> None:
            await ended.wait()

        async def closed() -> None:
            ended.set()

        async def failed(_error: Exception) -> None:
            # Whatever it is, the connection is closed or messages are lost; both are provided for.
            return

        ended = asyncio.Event()
        client = Client()
        try:
            # The caller connects again, and has to know of it: nothing here does it silently.
            await client.connect(
                self._urls,
                allow_reconnect=False,
                # It tries the first time as often as it would try again.
                max_reconnect_attempts=1,
                reconnect_time_wait=0,
                connect_timeout=_SECONDS,
                closed_cb=closed,
                disconnected_cb=closed,
                error_cb=failed,
            )
            await client.subscribe(self._channel, cb=heard)
            # Once the server has answered, nothing that anybody says is missed.
            await client.flush(_SECONDS)
            yield Channel(publish, lost)
        except (*_LOST, ValueError) as error:
            raise _broker_error(error) from error
        finally:
            with suppress(*_LOST):
                await client.close()


def _shown(url: str) -> str:
    # A token stands where a user's name does, so neither is shown.
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}:{parts.port or 4222}"


def _broker_error(error: Exception) -> BrokerError:
    return BrokerError(f"{type(error).__name__}: {error}")
