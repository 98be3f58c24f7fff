"""What is asked of a broker: to hand short messages to everybody who listens."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

Hear = Callable[[bytes], None]


class BrokerError(Exception):
    """The broker cannot be reached, or has gone; the text holds no password."""

    code = "broker_unavailable"


@dataclass(frozen=True, slots=True)
class Channel:
    """A connection on which everything is heard that anybody publishes, oneself included."""

    publish: Callable[[bytes], Awaitable[None]]
    """Raises :class:`BrokerError`."""
    lost: Callable[[], Awaitable[None]]
    """Returns, or raises :class:`BrokerError`, once nothing is heard any more."""


class Broker(Protocol):
    """One kind of broker at one address. It may lose messages, and send some twice."""

    @property
    def label(self) -> str:
        """The address as it may be shown: without a password."""

    def connect(self, hear: Hear) -> AbstractAsyncContextManager[Channel]:
        """Opens a connection for as long as the block runs.

        Raises:
            BrokerError: if there is none to be had.
        """
