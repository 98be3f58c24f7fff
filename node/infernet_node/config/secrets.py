"""Which texts of a configuration must never be shown."""

from urllib.parse import unquote, urlsplit

from sqlalchemy.engine import make_url

from infernet_node.config.fleet import NATS_SCHEMES, servers_in
from infernet_node.config.models import Config


def secrets_of(config: Config) -> tuple[str, ...]:
    """Returns keys, tokens, passwords, and URLs that hold one."""
    wallet, docker, token = config.chain.wallet, config.docker, config.server.status_token
    values = [container.bearer for container in config.containers]
    values += [docker.password] if docker else []
    values += [wallet.private_key] if wallet and wallet.private_key else []
    values += [token] if token else []
    texts = [value.get_secret_value() for value in values]
    endpoints = {*config.chain.rpc_urls, *config.chain.ws_urls}
    texts += [url for url in endpoints if _holds_key(url)]
    for url in (config.store.url, *servers_in(config.fleet.broker or "")):
        if url and (password := urlsplit(url).password or _token(url)):
            texts += [password, unquote(password)]
    if url := config.store.url:
        texts += _passwords_for_sqlalchemy(url)
    return tuple(dict.fromkeys(text for text in texts if text))


def _passwords_for_sqlalchemy(url: str) -> list[str]:
    """What it takes for a password: also one with / ? or # in it, and one among the parameters."""
    parts = make_url(url)
    return [parts.password or "", *parts.normalized_query.get("password", ())]


def _token(url: str) -> str | None:
    """What NATS takes for a token: a user without a password."""
    parts = urlsplit(url)
    return parts.username if parts.scheme in NATS_SCHEMES else None


def _holds_key(url: str) -> bool:
    """Whether an endpoint's URL has a place where providers put their API keys."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return True  # of a chain that is not enabled; who knows what is in it
    return bool(parts.username or parts.password or parts.query or parts.path.strip("/"))
