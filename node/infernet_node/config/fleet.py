"""Keys of a node that is spread over several processes, and what each of them does."""

from collections.abc import Collection
from enum import StrEnum
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from infernet_node.config.section import Seconds, Section
from infernet_node.config.types import KeyName

BROKERS = ("memory", "postgresql", "postgresql+asyncpg", "redis", "rediss", "nats", "tls")
"""Schemes of ``fleet.broker``."""

NATS_SCHEMES = ("nats", "tls")


class Role(StrEnum):
    """What one process of a node does; its name is also the command that starts it."""

    RUN = "run"
    """Everything."""
    API = "api"
    """Takes requests, and runs streams, which are bound to their connections."""
    WORKER = "worker"
    """Runs jobs."""
    CHAIN = "chain"
    """Answers requests of the chain."""

    @property
    def takes_jobs(self) -> bool:
        """Whether callers can ask for jobs."""
        return self in (Role.RUN, Role.API)

    @property
    def runs_jobs(self) -> bool:
        return self in (Role.RUN, Role.WORKER)

    @property
    def sends(self) -> bool:
        """Whether it needs the key of the account that sends transactions."""
        return self in (Role.RUN, Role.CHAIN)


def servers_in(url: str) -> list[str]:
    """Returns the addresses of a NATS cluster, or the only one of another broker."""
    if urlsplit(url).scheme not in NATS_SCHEMES:
        return [url]
    return [each.strip() for each in url.split(",")]


def _is_broker(url: str, kinds: Collection[str]) -> bool:
    try:
        parts = urlsplit(url)
        somewhere = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return parts.scheme in kinds and (somewhere or parts.scheme == "memory")


class FleetConfig(Section):
    """Ours: what processes need that share one store. See [a fleet](fleet.md)."""

    broker: str | None = Field(default=None, repr=False)
    """Whom processes wake each other through: ``postgresql://``, ``redis://``, ``rediss://``,
    ``nats://`` or ``tls://`` (NATS), or ``memory://`` for nobody; null is the store itself, where
    it is PostgreSQL. Servers of a NATS cluster are separated by commas."""
    channel: KeyName = "infernet"
    """Name of the channel or subject at the broker: 1 to 48 letters, digits or any of
    ``. _ -``."""
    lease: Seconds = Field(default=15.0, ge=1)
    """Seconds without a sign of life after which others take over from a process, at least 1."""
    sweep_period: Seconds = 2.0
    """Seconds between two looks for what a broker did not tell."""
    unserved_timeout: float = Field(default=300.0, ge=0)
    """Seconds without a process that offers a job's containers after which the job fails. 0: it
    waits for one without end."""

    @field_validator("broker")
    @classmethod
    def _known_broker(cls, value: str | None) -> str | None:
        urls = servers_in(value or "memory://")
        kinds = NATS_SCHEMES if len(urls) > 1 else BROKERS
        if not all(_is_broker(url, kinds) for url in urls):
            raise ValueError(
                "must be a URL such as nats://broker:4222, redis://broker:6379/0, "
                "postgresql://user@host/database or memory://"
            )
        return value or None
