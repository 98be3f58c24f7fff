"""Who is calling."""

from ipaddress import ip_address, ip_network

import pytest
from starlette.requests import HTTPConnection

from infernet_node.api.identity import (
    LOOPBACK,
    caller_ip,
    docker_networks,
    own_networks,
    within,
)

PROXIES = (ip_network("10.0.0.0/8"),)

# A container in 172.18.0.0/16 whose gateway is 172.18.0.1.
ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010012AC\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000012AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
"""


def connection(peer: str | None, *forwarded: str) -> HTTPConnection:
    return HTTPConnection(
        {
            "type": "http",
            "client": (peer, 1) if peer else None,
            "headers": [(b"x-forwarded-for", value.encode()) for value in forwarded],
        }
    )


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::1"),
        ("2001:DB8::1", "2001:db8::1"),
        (None, None),
    ],
)
def test_the_peer_is_the_caller(peer: str | None, expected: str | None) -> None:
    assert caller_ip(connection(peer, "1.1.1.1"), ()) == expected


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("192.0.2.1", ["1.1.1.1"], "192.0.2.1"),  # no proxy of ours
        ("10.0.0.1", ["1.1.1.1"], "1.1.1.1"),
        ("10.0.0.1", ["6.6.6.6, 1.1.1.1"], "1.1.1.1"),  # the first entry may be invented
        ("10.0.0.1", ["6.6.6.6", "1.1.1.1, 10.0.0.2"], "1.1.1.1"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.1"),
        ("10.0.0.1", ["1.1.1.1, rubbish"], "10.0.0.1"),
        ("10.0.0.1", [], "10.0.0.1"),
    ],
)
def test_w_02_forwarding_counts_from_trusted_proxies_only(
    peer: str, forwarded: list[str], expected: str
) -> None:
    assert caller_ip(connection(peer, *forwarded), PROXIES) == expected


def test_docker_networks_leave_the_gateway_out() -> None:
    networks = docker_networks(ROUTES)

    assert within("172.18.0.2", networks)
    assert within("172.18.255.254", networks)
    assert not within("172.18.0.1", networks)
    assert not within("172.19.0.2", networks)
    assert not within("10.0.0.1", networks)


def test_outside_docker_only_loopback_may_report() -> None:
    assert own_networks(None) == LOOPBACK
    assert within("127.0.0.1", LOOPBACK)
    assert within("::1", LOOPBACK)


def test_no_address_lies_nowhere() -> None:
    assert not within("nonsense", [ip_network(f"{ip_address('0.0.0.0')}/0")])
