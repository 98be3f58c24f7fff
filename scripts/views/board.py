"""Subscriptions and what happened to them, as the coordinator's events tell."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from web3 import Web3
from web3.types import EventData

from infernet_protocol.subscription import Subscription

EVENTS = ("SubscriptionCreated", "SubscriptionCancelled", "SubscriptionFulfilled", "ProofVerified")


@dataclass(frozen=True, slots=True)
class Happening:
    """One event of the coordinator."""

    event: str
    subscription_id: int
    block: int
    time: int
    """Chain time, UNIX seconds."""
    transaction: str
    facts: dict[str, Any]
    """What else is known: owner, node, interval, …"""


@dataclass
class Row:
    """One subscription; changes as events are added."""

    id: int
    subscription: Subscription
    """As it was when its creation was read."""
    answers: int = 0
    last_node: str = ""
    last_block: int = 0
    cancelled: bool = False

    @property
    def intervals(self) -> int:
        return 1 if self.subscription.is_callback else self.subscription.frequency

    @property
    def wanted(self) -> int:
        """How many answers there can be at most."""
        return self.intervals * self.subscription.redundancy

    def interval(self, now: int) -> int | None:
        """Returns the interval of a moment (chain time), or ``None`` outside all of them."""
        if self.subscription.cancelled or not self.subscription.is_active(now):
            return None
        interval = self.subscription.interval(now)
        return interval if interval <= self.intervals else None

    def state(self, now: int) -> str:
        """Returns what can still come of it at a moment (chain time)."""
        if self.cancelled or self.subscription.cancelled:
            return "cancelled"
        if self.answers >= self.wanted:
            return "answered"
        if not self.subscription.is_active(now):
            return "waiting"
        return "open" if self.interval(now) else "over"


@dataclass
class Board:
    """All subscriptions that events named, by id."""

    read: Callable[[int], Subscription]
    """Reads a subscription from the chain."""
    rows: dict[int, Row] = field(default_factory=dict)

    def add(self, event: EventData, time: int) -> Happening:
        """Takes one event in and says what it means.

        Args:
            time: chain time of its block, UNIX seconds.
        """
        subscription_id = int(event["args"]["id"])
        row = self.rows.get(subscription_id)
        if row is None:
            row = self.rows[subscription_id] = Row(subscription_id, self.read(subscription_id))
        row.last_block = event["blockNumber"]
        return Happening(
            event=event["event"],
            subscription_id=subscription_id,
            block=event["blockNumber"],
            time=time,
            transaction=Web3.to_hex(event["transactionHash"]),
            facts=_apply(event, row, time),
        )


def _apply(event: EventData, row: Row, time: int) -> dict[str, Any]:
    args, terms = event["args"], row.subscription
    match event["event"]:
        case "SubscriptionCreated":
            return {
                "owner": terms.owner,
                "container": Web3.to_hex(terms.container_id),
                "period": terms.period,
                "frequency": terms.frequency,
                "redundancy": terms.redundancy,
            }
        case "SubscriptionFulfilled":
            row.answers += 1
            row.last_node = args["node"]
            return {"interval": row.interval(time), "node": args["node"]}
        case "ProofVerified":
            return {"interval": args["interval"], "node": args["node"], "valid": args["valid"]}
        case _:
            row.cancelled = True
            return {}
