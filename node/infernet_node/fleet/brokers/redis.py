"""Redis: publish and subscribe, with nothing kept on the server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from sqlalchemy.engine import make_url

from infernet_node.fleet.broker import BrokerError, Channel, Hear

_SECONDS = 5.0
_LOST = (OSError, RedisError, TimeoutError)


class RedisBroker:
    """Args:
    url: ``redis://`` or ``rediss://`` (TLS), with user, password and database as usual.
    """

    def __init__(self, url: str, channel: str) -> None:
        self.label = make_url(url).render_as_string(hide_password=True)
        self._url = url
        self._channel = channel

    @asynccontextmanager
    async def connect(self, hear: Hear) -> AsyncIterator[Channel]:
        async def publish(message: bytes) -> None:
            try:
                async with asyncio.timeout(_SECONDS):
                    await client.publish(self._channel, message)
            except _LOST as error:
                raise _broker_error(error) from error

        async def lost() -> None:
            try:
                await asyncio.shield(listening)
            except _LOST as error:
                raise _broker_error(error) from error

        try:
            # The caller connects again, and has to know of it: nothing here does it silently.
            client = Redis.from_url(
                self._url,
                retry=Retry(NoBackoff(), 0),
                socket_connect_timeout=_SECONDS,
                socket_keepalive=True,
            )
            subscription = client.pubsub()
            await subscription.subscribe(self._channel)
            # Once the server has answered, nothing that anybody says is missed.
            if not await subscription.get_message(timeout=_SECONDS):
                raise TimeoutError("no answer to SUBSCRIBE")
        except (*_LOST, ValueError) as error:
            raise _broker_error(error) from error
        listening = asyncio.create_task(_listen(subscription, hear))
        try:
            yield Channel(publish, lost)
        finally:
            listening.cancel()
            await asyncio.wait([listening])
            with suppress(*_LOST):
                await subscription.aclose()  # type: ignore[no-untyped-call]
                await client.aclose()


async def _listen(subscription: PubSub, hear: Hear) -> None:
    async for message in subscription.listen():
        if message["type"] == "message":
            hear(message["data"])


def _broker_error(error: Exception) -> BrokerError:
    return BrokerError(f"{type(error).__name__}: {error}")
