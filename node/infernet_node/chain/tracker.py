"""Which of the chain's subscriptions are this node's business."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import structlog

from infernet_node.chain.cursor import CursorHistory
from infernet_node.chain.listener import Found, Step
from infernet_node.chain.lookup import ContainerLookup
from infernet_node.chain.subscriptions import Subscriptions, Tracked, Tracking
from infernet_node.guardian import (
    INVALID_PAYMENT,
    Containers,
    Rejection,
    check_subscription,
    payment_problem,
)
from infernet_node.store.database import Database
from infernet_protocol.hashing import UINT32_MAX

log = structlog.get_logger(__name__)

CANCELLED = "cancelled"
_AT_ONCE = 200
MOST_LINES = 1_000
"""Of one kind that one step may write into the log; a first look at an old chain has thousands."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What a step means for the work at hand."""

    tracked: list[Tracked]
    untracked: list[int]


@dataclass(frozen=True, slots=True)
class Tracker:
    """Judges subscriptions and keeps the verdicts.

    Args:
        known: the configured containers by id.
        payment_address: the node's Wallet contract, if it has one.
    """

    database: Database
    subscriptions: Subscriptions
    cursors: CursorHistory
    lookup: ContainerLookup
    known: Containers
    payment_address: str | None

    async def apply(self, step: Step, removed: Iterable[int] = ()) -> Changes:
        """Records a step of the listener and moves the cursor, in one commit.

        Args:
            removed: ids that a reorganisation took away.
        """
        judged = await self._judge_all(step)
        gone = set(removed) - judged.keys()
        cancelled = await self._cancelled(step, judged)
        async with self.database.transaction() as connection:
            await self.subscriptions.delete(connection, sorted(gone))
            rows = [*judged.values(), *cancelled]
            for start in range(0, len(rows), _AT_ONCE):
                await self.subscriptions.save(connection, rows[start : start + _AT_ONCE])
            await self.cursors.advance(connection, step.cursor, step.rewound_to)
        for row in cancelled:
            log.info("Subscription cancelled", id=row.id)
        tracked = [row for row in judged.values() if row.tracking is Tracking.TRACKED]
        for row in tracked[:MOST_LINES]:
            log.info("Tracked new subscription!", id=row.id, owner=row.subscription.owner)
        _summarise("Tracked more subscriptions", len(tracked))
        return Changes(tracked, [*gone, *(row.id for row in cancelled)])

    async def _judge_all(self, step: Step) -> dict[int, Tracked]:
        judged: dict[int, Tracked] = {}
        ignored = 0
        for number, found in enumerate(step.found):
            if number % _AT_ONCE == _AT_ONCE - 1:
                await asyncio.sleep(0)  # a long snapshot must not hold up everybody else
            judged[found.id], objection = self._judge(found, step.cursor.number)
            ignored += objection is not None
            if objection and ignored <= MOST_LINES:
                log.info(objection.event, **objection.details)
        _summarise("Ignored more subscriptions", ignored)
        return judged

    async def _cancelled(self, step: Step, judged: dict[int, Tracked]) -> list[Tracked]:
        rows = []
        for subscription_id in dict.fromkeys(step.cancelled):
            # One found in this very step was read with its cancellation already in it.
            row = await self.subscriptions.get(subscription_id)
            if row is None or subscription_id in judged or row.tracking is not Tracking.TRACKED:
                continue
            subscription = replace(row.subscription, active_at=UINT32_MAX)
            rows.append(
                Tracked(row.id, subscription, Tracking.ENDED, CANCELLED, block=step.cursor.number)
            )
        return rows

    def _judge(self, found: Found, block: int) -> tuple[Tracked, "_Objection | None"]:
        subscription = found.subscription
        if subscription.cancelled:
            return Tracked(found.id, subscription, Tracking.ENDED, CANCELLED, block), None
        try:
            objection = self._objection(found)
        except Exception as error:
            log.exception("Subscription cannot be judged", id=found.id)
            reason = f"cannot be judged: {error!r}"
            return Tracked(found.id, subscription, Tracking.IGNORED, reason, block), None
        if objection is None:
            return Tracked(found.id, subscription, Tracking.TRACKED, None, block), None
        row = Tracked(found.id, subscription, Tracking.IGNORED, objection.reason, block)
        return row, objection

    def _objection(self, found: Found) -> "_Objection | None":
        pipeline = self.lookup.containers(found.subscription.container_id)
        rejection = check_subscription(
            found.id,
            found.subscription,
            completed=found.completed,
            pipeline=pipeline,
            known=self.known,
            payment_address=self.payment_address,
        )
        if rejection is None:
            return None
        if rejection.error != INVALID_PAYMENT or pipeline is None:
            about = {"id": found.id, "reason": rejection.error, **_details(rejection)}
            return _Objection(rejection.error, "Ignored subscription creation", about)
        problem = payment_problem(
            found.subscription,
            [self.known[container] for container in pipeline],
            payment_address=self.payment_address,
        )
        event = f"Skipping subscription: {found.id}: {problem}"
        return _Objection(f"{rejection.error}: {problem}", event, {})


@dataclass(frozen=True, slots=True)
class _Objection:
    """Why a subscription is ignored, and how the log says it."""

    reason: str
    event: str
    details: Mapping[str, object]


def _summarise(event: str, count: int) -> None:
    if count > MOST_LINES:
        log.info(event, count=count - MOST_LINES, each="infernet-node why <id> says it of each")


def _details(rejection: Rejection) -> dict[str, object]:
    return {f"rejected_{name}": value for name, value in rejection.params.items()}
