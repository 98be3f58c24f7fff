"""What processes tell each other: that something changed, never what it is now."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

MOST_BYTES = 7000
"""Of one message; PostgreSQL refuses those of 8,000."""


class Topic(StrEnum):
    """What it is worth looking at."""

    WORK = "work"
    """There are jobs that nobody runs."""
    JOBS = "jobs"
    """The named jobs have got results, have ended, or are deleted."""
    REQUESTS = "requests"
    """Delegated subscriptions were accepted."""
    COMMANDS = "commands"
    """Operators want something done on the chain, or it is done."""
    WALLET = "wallet"
    """The account of the chain is free to be used."""
    PING = "ping"
    """Nothing; shows the sender that its messages arrive."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message."""

    sender: str
    topic: Topic
    ids: tuple[str, ...] = ()

    def encode(self) -> bytes:
        return json.dumps([self.sender, self.topic, *self.ids]).encode()


def messages(sender: str, topic: Topic, ids: Iterable[str]) -> Iterator[bytes]:
    """Yields messages that together name all ids, each short enough for every broker."""
    together: list[str] = []
    size = 0
    for job_id in ids:
        octets = len(json.dumps(job_id)) + 2
        if together and size + octets > MOST_BYTES - 200:
            yield Message(sender, topic, tuple(together)).encode()
            together, size = [], 0
        together.append(job_id)
        size += octets
    yield Message(sender, topic, tuple(together)).encode()


def decode(raw: bytes) -> Message | None:
    """Returns a message, ``None`` if it is none of ours: a channel is open to everybody."""
    try:
        sender, topic, *ids = json.loads(raw)
        return Message(str(sender), Topic(topic), tuple(str(job_id) for job_id in ids))
    except (ValueError, TypeError):
        return None
