"""What became of a subscription and of each of its intervals, told from the rows alone.

Works beside a running node and without one, with or without a chain.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from infernet_node.chain.fulfilments import fulfilments_table, reference_of
from infernet_node.chain.journal import signatures_table, transactions_table
from infernet_node.chain.stages import Stage
from infernet_node.chain.subscriptions import Tracking, subscriptions_table
from infernet_node.chain.verdicts import Verdict
from infernet_node.chain.words import unpack
from infernet_node.store.database import Database
from infernet_protocol.subscription import Subscription

_SUBSCRIPTION = re.compile(r"(delegated-)?(\d{1,10})")
"""No id is longer, and no database compares numbers of any length."""
_NAMES_AT_ONCE = 1000
_WITH_REASON = (Stage.FAILED, Stage.IGNORED, Stage.EXPIRED)


class UnknownSubscriptionError(Exception):
    """The node has no row of a subscription."""

    code = "subscription_unknown"


@dataclass(frozen=True, slots=True)
class Sent:
    """A transaction that was made for an interval."""

    hash: str | None
    """Of the form that was mined, else of the newest one; ``None`` before it was signed."""
    state: str
    reason: str | None
    block: int | None


@dataclass(frozen=True, slots=True)
class Payment:
    """What an interval's answer is worth to the node, before fees."""

    token: str
    """EIP-55 form; the zero address is the native coin."""
    amount: int
    """Raw units."""
    state: str
    """``offered``, ``paid``, ``awaiting a verdict``, ``slashed`` or ``settled unseen``."""

    @classmethod
    def of(cls, terms: Subscription, stage: Stage, verdict: str | None) -> "Payment | None":
        """Returns that of an interval in a stage, ``None`` if it is free."""
        if not terms.payment_amount:
            return None
        state = "offered"
        if stage is Stage.ANSWERED:
            state = (verdict or "awaiting a verdict") if terms.requires_proof else Verdict.PAID
        return cls(terms.payment_token, terms.payment_amount, str(state))


@dataclass(frozen=True, slots=True)
class IntervalHistory:
    """One interval of a subscription."""

    interval: int
    stage: Stage
    reason: str | None
    transactions: tuple[Sent, ...]
    payment: Payment | None = None

    @property
    def state(self) -> str:
        """The state's name, with the reason in parentheses where there is one."""
        if self.reason and (self.stage.open or self.stage in _WITH_REASON):
            return f"{self.stage}({self.reason})"
        return str(self.stage)


@dataclass(frozen=True, slots=True)
class SubscriptionHistory:
    """A subscription on one chain."""

    network: str
    """Chain id, start of the genesis hash, and Coordinator."""
    state: str
    """``"tracked"``, ``"ignored(reason)"`` or ``"ended(reason)"``."""
    intervals: tuple[IntervalHistory, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "network": self.network,
            "state": self.state,
            "intervals": [
                {
                    "interval": each.interval,
                    "state": str(each.stage),
                    "reason": each.reason,
                    "payment": each.payment
                    and {
                        "token": each.payment.token,
                        # As text: it may be greater than what numbers in JSON can tell apart.
                        "amount": str(each.payment.amount),
                        "state": each.payment.state,
                    },
                    "transactions": [
                        {
                            "hash": sent.hash,
                            "state": sent.state,
                            "reason": sent.reason,
                            "block": sent.block,
                        }
                        for sent in each.transactions
                    ],
                }
                for each in self.intervals
            ],
        }


async def history_of(
    database: Database, subscription: str, interval: int | None = None
) -> list[SubscriptionHistory]:
    """Returns what the store knows of a subscription, once for each chain that has it.

    Args:
        subscription: its id, or ``delegated-<n>`` as logs name one that is not on chain yet.
        interval: only this one; by default all that were worked on.

    Raises:
        UnknownSubscriptionError: if there is no row of it.
    """
    async with database.transaction() as connection:
        found = await _histories(connection, subscription, interval)
    if not found:
        raise UnknownSubscriptionError(
            f"subscription {subscription} is not known to this node: it has not read the block "
            "that creates it, or it was over before the node first looked"
        )
    return found


async def _histories(
    connection: AsyncConnection, subscription: str, interval: int | None
) -> list[SubscriptionHistory]:
    rows = fulfilments_table.c
    named = _SUBSCRIPTION.fullmatch(subscription)
    if named is None:
        return []
    number, states = int(named.group(2)), dict[str, str]()
    if named.group(1):
        condition = rows.delegation_id == number
    else:
        condition = rows.subscription_id == number
        states = await _tracking(connection, number)
    if interval is not None:
        condition &= rows.interval == interval
    # Not what was asked and answered, which may be long.
    told = (rows.id, rows.network, rows.interval, rows.struct, rows.stage, rows.reason)
    query = select(*told, rows.sends, rows.verdict).where(condition)
    found = (await connection.execute(query.order_by(rows.network, rows.interval))).all()
    sent = await _transactions(connection, found)
    intervals: dict[str, list[IntervalHistory]] = {network: [] for network in states}
    for row in found:
        stage = Stage(row.stage)
        payment = Payment.of(unpack(row.struct), stage, row.verdict)
        intervals.setdefault(row.network, []).append(
            IntervalHistory(row.interval, stage, row.reason, tuple(sent[row.id]), payment)
        )
    return [
        SubscriptionHistory(network, states.get(network, "tracked"), tuple(of_network))
        for network, of_network in intervals.items()
    ]


async def _tracking(connection: AsyncConnection, subscription_id: int) -> dict[str, str]:
    rows = subscriptions_table
    query = select(rows).where(rows.c.id == subscription_id).order_by(rows.c.network)
    return {
        row.network: _named(row.tracking, row.reason)
        for row in (await connection.execute(query)).all()
    }


def _named(tracking: str, reason: str | None) -> str:
    return tracking if tracking == Tracking.TRACKED or not reason else f"{tracking}({reason})"


async def _transactions(
    connection: AsyncConnection, fulfilments: Sequence[Any]
) -> dict[int, list[Sent]]:
    """Returns those of each fulfilment by its row's id, found by the names it gives them.

    In few statements, since the node's work waits for this on SQLite.
    """
    rows = transactions_table.c
    of_fulfilment = {
        reference_of(row.id, number): row.id
        for row in fulfilments
        for number in range(row.sends + 1)
    }
    newest = (
        select(signatures_table.c.hash)
        .where(signatures_table.c.transaction_id == rows.id)
        .order_by(signatures_table.c.sequence.desc())
        .limit(1)
        .scalar_subquery()
        .label("newest")
    )
    told = (rows.reference, rows.mined_hash, rows.state, rows.reason, rows.block_number, newest)
    # With the lanes named, the names are found by the index that begins with them.
    lanes = (await connection.execute(select(rows.lane).distinct())).scalars().all()
    sent: dict[int, list[Sent]] = {row.id: [] for row in fulfilments}
    names = iter(of_fulfilment)
    while some := list(islice(names, _NAMES_AT_ONCE)):
        query = select(*told).where(rows.lane.in_(lanes), rows.reference.in_(some))
        for row in await connection.execute(query.order_by(rows.id)):
            sent[of_fulfilment[row.reference]].append(
                Sent(row.mined_hash or row.newest, row.state, row.reason, row.block_number)
            )
    return sent
