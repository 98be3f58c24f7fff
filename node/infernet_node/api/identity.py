"""Who is calling, as far as a TCP connection tells."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path

from starlette.requests import HTTPConnection

from infernet_node.config.types import IPNetwork

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
_ROUTES = Path("/proc/net/route")


def caller_ip(connection: HTTPConnection, trusted_proxies: Sequence[IPNetwork]) -> str | None:
    """Returns the caller's address, ``None`` if the transport has none.

    A header counts only if a proxy of the configuration sent it, and of its entries only the
    last one that is not such a proxy: everything before may be invented.
    """
    if connection.client is None:
        return None
    peer = _plain(connection.client.host)
    if not trusted_proxies or not within(peer, trusted_proxies):
        return peer
    entries = ",".join(connection.headers.getlist("x-forwarded-for")).split(",")
    for entry in reversed([_plain(entry.strip()) for entry in entries]):
        if _address(entry) is None:
            break
        if not within(entry, trusted_proxies):
            return entry
    return peer


def within(ip: str, networks: Sequence[IPNetwork]) -> bool:
    """Whether an address lies in one of the networks; no address lies in none."""
    address = _address(ip)
    return address is not None and any(address in network for network in networks)


def docker_networks(routes: str) -> list[IPNetwork]:
    """Returns the networks that a container is attached to, without their gateways.

    A gateway is left out because everybody who comes through a published port bears its
    address.

    Args:
        routes: text of ``/proc/net/route``.
    """
    rows = [line.split() for line in routes.splitlines()[1:]]
    gateways = [_little_endian(row[2]) for row in rows if int(row[2], 16)]
    networks: list[IPNetwork] = []
    for row in rows:
        if int(row[2], 16) or not int(row[1], 16):
            continue
        prefix = int(row[7], 16).bit_count()
        parts: list[IPNetwork] = [ip_network(f"{_little_endian(row[1])}/{prefix}")]
        for gateway in gateways:
            parts = [rest for part in parts for rest in _without(part, gateway)]
        networks += parts
    return networks


def own_networks(runtime: str | None) -> tuple[IPNetwork, ...]:
    """Returns where the node's own machine and containers are: loopback, and in Docker its network.

    Args:
        runtime: the environment variable ``RUNTIME``.
    """
    if runtime != "docker" or not _ROUTES.exists():
        return LOOPBACK
    return (*LOOPBACK, *docker_networks(_ROUTES.read_text()))


def _without(network: IPNetwork, address: IPv4Address) -> list[IPNetwork]:
    if address not in network:
        return [network]
    return list(network.address_exclude(ip_network(address)))  # type: ignore[arg-type]


def _little_endian(field: str) -> IPv4Address:
    return IPv4Address(bytes.fromhex(field)[::-1])


def _address(ip: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(ip)
    except ValueError:
        return None


def _plain(host: str) -> str:
    """Writes ``::ffff:10.0.0.1``, an IPv4 caller of a socket for both, as ``10.0.0.1``."""
    if ":" not in host:
        return host
    address = _address(host.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(address) if address else host
