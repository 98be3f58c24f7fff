"""Processes of one node wake each other. Losing a message costs time and nothing else."""

import asyncio
import time
from collections.abc import Callable, Sequence

import structlog

from infernet_node.fleet.broker import Broker, BrokerError, Channel
from infernet_node.fleet.messages import Message, Topic, decode, messages
from infernet_node.metrics import Metrics

_LOG = structlog.get_logger(__name__)
_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 15.0
_PING_SECONDS = 15.0
_MOST_IDS = 10_000
"""Of jobs that wait to be named to others. What is more is left for them to find."""

Hear = Callable[[Sequence[str] | None], None]
"""Told ids, or ``None`` where messages may have been lost: then anything may have happened."""


class WakeUpBus:
    """Tells other processes that it is worth looking at the store, and hears the same.

    Without a broker it reaches nobody, which is right for a process that is alone, and slow but
    right for one that is not: what would be heard is looked for every now and then anyway.

    Args:
        replica: names this process; its own messages are no news to it.
    """

    def __init__(self, broker: Broker | None, replica: str, metrics: Metrics | None = None) -> None:
        self.connected = False
        """Whether messages go out and come in now."""
        self.replica = replica
        self._broker = broker
        self._metrics = metrics or Metrics()
        self._listeners: dict[Topic, list[Hear]] = {topic: [] for topic in Topic}
        self._outbox: dict[Topic, dict[str, None]] = {}
        self._filled = asyncio.Event()
        self._said = asyncio.Event()
        self._said.set()
        self._ping_heard = True

    @property
    def trouble(self) -> str | None:
        """What slows the processes down, in a few words."""
        if self._broker is None or self.connected:
            return None
        return f"{self._broker.label} cannot be reached: work is found later, none is lost"

    def listen(self, topic: Topic, hear: Hear) -> None:
        """Has others' messages about a topic heard from now on."""
        self._listeners[topic].append(hear)

    def send(self, topic: Topic, job_id: str | None = None) -> None:
        """Tells the others, without waiting for it."""
        if not self.connected:
            return  # They look for it in the store.
        ids = self._outbox.setdefault(topic, {})
        if job_id is not None and len(ids) < _MOST_IDS:
            ids[job_id] = None
        self._said.clear()
        self._filled.set()

    async def flush(self) -> None:
        """Returns once what was to be told is told, or nobody can be."""
        if self.connected:
            await self._said.wait()

    async def run(self) -> None:
        """Stays connected to the broker until cancelled, and connects again when it is lost."""
        if self._broker is None:
            await asyncio.Event().wait()
            return
        pause = _FIRST_PAUSE
        while True:
            began = time.monotonic()
            try:
                await self._while_connected(self._broker)
            except BrokerError as error:
                if time.monotonic() - began > _LONGEST_PAUSE:
                    pause = _FIRST_PAUSE
                broker = self._broker.label
                _LOG.warning("broker_lost", broker=broker, cause=str(error), retry_in=pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _while_connected(self, broker: Broker) -> None:
        async with broker.connect(self._heard) as channel:
            _LOG.info("broker_connected", broker=broker.label)
            self._outbox.clear()
            self._ping_heard = self.connected = True
            self._hear_all()
            forwarding = asyncio.create_task(self._forward(channel))
            losing = asyncio.ensure_future(channel.lost())
            try:
                await asyncio.wait((forwarding, losing), return_when=asyncio.FIRST_COMPLETED)
            finally:
                self.connected = False
                self._said.set()
                forwarding.cancel()
                losing.cancel()
                ends = await asyncio.gather(forwarding, losing, return_exceptions=True)
        cause = next((end for end in ends if isinstance(end, Exception)), None)
        raise cause or BrokerError("the connection was closed")

    async def _forward(self, channel: Channel) -> None:
        """Publishes what is to be said, and looks from time to time whether it arrives."""
        while True:
            try:
                async with asyncio.timeout(_PING_SECONDS):
                    await self._filled.wait()
            except TimeoutError:
                await self._ping(channel)
                continue
            self._filled.clear()
            outbox, self._outbox = self._outbox, {}
            for topic, ids in outbox.items():
                for message in messages(self.replica, topic, ids):
                    await channel.publish(message)
                    self._metrics.wake_ups.labels("sent").inc()

            if not self._outbox:
                self._said.set()

    async def _ping(self, channel: Channel) -> None:
        if not self._ping_heard:
            raise BrokerError("messages do not arrive")
        self._ping_heard = False
        await channel.publish(Message(self.replica, Topic.PING).encode())

    def _heard(self, raw: bytes) -> None:
        message = decode(raw)
        if message is None:
            _LOG.debug("message_ignored", octets=len(raw))
        elif message.sender == self.replica:
            self._ping_heard = True
        elif message.topic is not Topic.PING:
            self._metrics.wake_ups.labels("heard").inc()
            for hear in self._listeners[message.topic]:
                hear(message.ids)

    def _hear_all(self) -> None:
        """Others may have said anything while nothing could be heard."""
        for listeners in self._listeners.values():
            for hear in listeners:
                hear(None)
