"""Brokers by the scheme of their address; each library is imported where it is used."""

from collections.abc import Callable
from urllib.parse import urlsplit

from infernet_node.config import Config
from infernet_node.fleet.broker import Broker

_FIX = "pip install '.[fleet]' in the repository, or leave fleet.broker out to use PostgreSQL"


class BrokerMissingError(Exception):
    """The library for a broker is not installed; names the setting and the fix."""

    code = "broker_library_missing"


def broker_of(config: Config) -> Broker | None:
    """Returns the broker of a configuration; ``None`` if processes are not to be woken.

    Raises:
        BrokerMissingError: if its library is not installed.
    """
    url = config.fleet.broker or (config.store_url if config.store_is_shared else "memory://")
    scheme = urlsplit(url).scheme
    if scheme == "memory":
        return None
    try:
        return _KINDS[scheme.partition("+")[0]](url, config.fleet.channel)
    except ImportError as error:
        library = "redis" if scheme.startswith("redis") else "nats-py"
        raise BrokerMissingError(f"fleet.broker: {library} is not installed; {_FIX}") from error


def _postgres(url: str, channel: str) -> Broker:
    from infernet_node.fleet.brokers.postgres import PostgresBroker

    return PostgresBroker(url, channel)


def _redis(url: str, channel: str) -> Broker:
    from infernet_node.fleet.brokers.redis import RedisBroker

    return RedisBroker(url, channel)


def _nats(url: str, channel: str) -> Broker:
    from infernet_node.fleet.brokers.nats import NatsBroker

    return NatsBroker(url, channel)


_KINDS: dict[str, Callable[[str, str], Broker]] = {
    "postgresql": _postgres,
    "redis": _redis,
    "rediss": _redis,
    "nats": _nats,
    "tls": _nats,
}
