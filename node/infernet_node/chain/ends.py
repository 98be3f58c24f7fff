"""What the end of an interval means for its subscription."""

import structlog

from infernet_node.chain.delegations import Delegations, Phase
from infernet_node.chain.fulfilments import Fulfilment
from infernet_node.chain.scheduler import Scheduler
from infernet_node.chain.stages import Stage
from infernet_node.chain.subscriptions import Subscriptions

log = structlog.get_logger(__name__)


class Ends:
    """Stops serving subscriptions, and goes on with those whose end was premature.

    Args:
        onchain: plans subscriptions by id.
        delegated: plans signed requests by the id of their row.
    """

    def __init__(
        self,
        onchain: Scheduler[int],
        delegated: Scheduler[int],
        subscriptions: Subscriptions,
        delegations: Delegations,
    ) -> None:
        self._onchain = onchain
        self._delegated = delegated
        self._subscriptions = subscriptions
        self._delegations = delegations

    async def ended(self, row: Fulfilment) -> None:
        """A callback ends with its only interval; others go on until their time is over."""
        if row.subscription.is_callback:
            await self.drop(row, row.stage)

    async def drop(self, row: Fulfilment, reason: str) -> None:
        """Serves the subscription of a row no more."""
        subscription_id = row.subscription_id
        if row.delegation_id is not None:
            self._delegated.remove(row.delegation_id)
            delegation = await self._delegations.get(row.delegation_id)
            subscription_id = delegation.subscription_id
            # An answered one stays open until its subscription is seen on the chain.
            if delegation.phase is Phase.OPEN and row.stage is not Stage.ANSWERED:
                await self._delegations.set_phase(row.delegation_id, Phase.ENDED)
        if subscription_id is not None:
            self._onchain.remove(subscription_id)
            await self._subscriptions.end(subscription_id, reason)
            log.info("Stopped tracking subscription", id=subscription_id, reason=reason)

    async def undo(self, row: Fulfilment) -> None:
        """Has the subscription of a row, which is to be answered after all, not be over."""
        if row.delegation_id is not None:
            # What it creates on the chain is recognised only while it is open.
            delegation = await self._delegations.get(row.delegation_id)
            if delegation.phase is Phase.ENDED:
                await self._delegations.set_phase(row.delegation_id, Phase.OPEN)
        if row.subscription_id is not None and row.subscription.is_callback:
            await self._subscriptions.resume(row.subscription_id)
