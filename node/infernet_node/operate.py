"""``infernet-node retry`` and ``drop``: commands to the node that runs with a configuration."""

import ssl

import aiohttp

from infernet_node.config import ServerConfig, TlsConfig
from infernet_node.ports import Command

_SECONDS = 60
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}


class CommandFailedError(Exception):
    """The node does not run, or refuses; the text says which and why."""

    code = "command_failed"


async def command_node(
    server: ServerConfig, command: Command, subscription: str, interval: int
) -> str:
    """Returns a line for a person.

    Args:
        server: says where the node listens, on this machine.
        subscription: its id, or ``delegated-<n>``.

    Raises:
        CommandFailedError: the node cannot be reached, or refuses.
    """
    host = _LOOPBACK.get(server.host, server.host)
    where = f"[{host}]" if ":" in host else host
    url = f"{'https' if server.tls else 'http'}://{where}:{server.port}"
    path = f"/api/chain/subscriptions/{subscription}/intervals/{interval}/{command}"
    tls = _trusting(server.tls) if server.tls else True
    limit = aiohttp.ClientTimeout(total=_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=limit) as session,
            session.post(url + path, ssl=tls) as response,
        ):
            status, body = response.status, await response.json()
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise CommandFailedError(
            f"no node answers at {url} ({error or type(error).__name__}); it has to run, "
            "and with the same server section"
        ) from None
    return _line(status, body, subscription)


def _line(status: int, body: dict[str, str], subscription: str) -> str:
    if status == 200:
        reason = f"({body['reason']})" if body["reason"] else ""
        return f"subscription {subscription}, interval {body['interval']}: {body['state']}{reason}"
    if status == 403:
        raise CommandFailedError(
            "the node does not take this machine for its operator; see server.operator_ips"
        )
    raise CommandFailedError(str(body.get("error", f"the node answered with status {status}")))


def _trusting(tls: TlsConfig) -> ssl.SSLContext:
    """Trusts the node's own certificate, which names its public address and not this way to it."""
    try:
        context = ssl.create_default_context(cafile=tls.certificate)
    except OSError as error:
        raise CommandFailedError(f"server.tls: certificate cannot be read ({error})") from None
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.check_hostname = False
    return context
