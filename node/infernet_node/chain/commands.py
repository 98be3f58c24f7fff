"""What an operator can have done about one interval: to try it again, or to let it be."""

import asyncio
import time

import structlog

from infernet_node.chain.assignments import Assignments
from infernet_node.chain.clock import ChainClock
from infernet_node.chain.contracts import Coordinator, read_all
from infernet_node.chain.ends import Ends
from infernet_node.chain.fulfil import Fulfiller
from infernet_node.chain.fulfilments import Fulfilment, Fulfilments, RowMovedError
from infernet_node.chain.history import UnknownSubscriptionError
from infernet_node.chain.rpc import Rpc
from infernet_node.chain.rpc_errors import or_raise
from infernet_node.chain.stages import Stage
from infernet_node.chain.time_limits import is_over
from infernet_node.chain.transactions import Transactions
from infernet_node.ports import Command, CommandRefusedError

log = structlog.get_logger(__name__)

DROPPED = "dropped by the operator"
_TO_RETRY = (Stage.FAILED, Stage.IGNORED)
_DELEGATED = "delegated-"


class Commands:
    """Carries them out, one at a time."""

    def __init__(
        self,
        rpc: Rpc,
        coordinator: Coordinator,
        clock: ChainClock,
        transactions: Transactions,
        fulfilments: Fulfilments,
        fulfiller: Fulfiller,
        assignments: Assignments,
        ends: Ends,
    ) -> None:
        self._rpc = rpc
        self._coordinator = coordinator
        self._clock = clock
        self._transactions = transactions
        self._fulfilments = fulfilments
        self._fulfiller = fulfiller
        self._assignments = assignments
        self._ends = ends
        self._turn = asyncio.Lock()

    async def carry_out(self, command: Command, subscription: str, interval: int) -> Fulfilment:
        """Returns the row as it is then.

        Args:
            subscription: its id, or ``delegated-<n>`` as logs name one that is not on chain yet.

        Raises:
            UnknownSubscriptionError: there is no row of the interval.
            CommandRefusedError: the row's state or the chain's does not allow it.
            RpcError: the chain could not be asked.
        """
        act = self._retry if command is Command.RETRY else self._drop
        async with self._turn:
            row = await self._find(subscription, interval)
            try:
                return await act(row)
            except RowMovedError:
                raise CommandRefusedError("it went on meanwhile; look at it again") from None

    async def _find(self, subscription: str, interval: int) -> Fulfilment:
        number = int(subscription.removeprefix(_DELEGATED))
        owner = "delegation_id" if subscription.startswith(_DELEGATED) else "subscription_id"
        row = await self._fulfilments.find(interval, **{owner: number})
        if row is None:
            raise UnknownSubscriptionError(
                f"interval {interval} of subscription {subscription} is not known to this node: "
                "it is not due yet, or the node does not serve the subscription"
            )
        return row

    # Retry

    async def _retry(self, row: Fulfilment) -> Fulfilment:
        if row.stage not in _TO_RETRY:
            raise CommandRefusedError(
                f"it is {row.stage}; only what is {' or '.join(_TO_RETRY)} is tried again"
            )
        await self._assignments.ended(row.id)
        await self._require_open(row)
        await self._ends.undo(row)
        row = await self._fulfilments.move(
            row,
            Stage.DUE,
            reason=None,
            sends=row.sends + 1,  # another name in the journal, where the old one is settled
            reverts=0,
            created_at=int(time.time()),  # patience begins anew
        )
        log.info("Interval tried again by the operator", id=row.label, interval=row.interval)
        self._assignments.start(row)
        return row

    async def _require_open(self, row: Fulfilment) -> None:
        """Raises ``CommandRefusedError`` where an answer would come to nothing."""
        entry = await self._transactions.find(row.reference)
        if entry is not None and not entry.settled:
            raise CommandRefusedError("its transaction is still under way")
        if is_over(row, self._clock.now):
            raise CommandRefusedError("its interval is over")
        if row.subscription_id is not None:
            obstacle = await self._obstacle(row, row.subscription_id)
            if obstacle:
                raise CommandRefusedError(obstacle)

    async def _obstacle(self, row: Fulfilment, subscription_id: int) -> str | None:
        key = subscription_id, row.interval
        calls = [
            self._coordinator.subscription(subscription_id),
            self._coordinator.redundancy_count(*key),
            self._coordinator.node_responded(*key, self._transactions.address),
        ]
        subscription, answers, responded = map(or_raise, await read_all(self._rpc, calls))
        if not subscription.exists:
            return "the chain does not know the subscription"
        if subscription.cancelled:
            return "the subscription is cancelled"
        if subscription != row.subscription:
            return "the chain has another subscription with this id"
        if responded:
            return "the chain has this node's answer"
        return "the chain has all its answers" if answers >= subscription.redundancy else None

    # Drop

    async def _drop(self, row: Fulfilment) -> Fulfilment:
        await self._require_unsent(row)
        await self._assignments.stop(row.id)
        try:
            current = await self._fulfilments.get(row.id) or row
            await self._require_unsent(current)
            current = await self._fulfiller.end(current, Stage.IGNORED, DROPPED)
        except BaseException:
            # It went on while it was stopped, or the store failed: it is not left lying.
            self._assignments.start(await self._fulfilments.get(row.id) or row)
            raise
        await self._ends.ended(current)
        return current

    async def _require_unsent(self, row: Fulfilment) -> None:
        if not row.open:
            raise CommandRefusedError(f"it is over already: {row.stage}")
        entry = await self._transactions.find(row.reference)
        if entry is not None or row.stage is Stage.SUBMITTED:
            raise CommandRefusedError("its transaction is sent; it can no longer be dropped")
