"""Takes back what was recorded about blocks that are no longer in the chain."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from infernet_node.chain.delegations import Delegations, Phase
from infernet_node.chain.fulfilments import REORGANISED, Fulfilment, Fulfilments
from infernet_node.chain.stages import Stage
from infernet_node.chain.subscriptions import Subscriptions
from infernet_node.chain.transactions import Transactions

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Doubts:
    """What has to be looked at again."""

    removed: list[int]
    """Subscriptions whose creation is gone; their ids may come back as other ones."""
    reread: list[int]
    """Subscriptions that have lost a later change."""
    reopened: list[Fulfilment]
    """Answers that are gone and on their way again."""


@dataclass(frozen=True, slots=True)
class Reorganisation:
    """Rewinds rows. Every part may be repeated: the cursor moves only afterwards.

    Args:
        stop: interrupts the work on a fulfilment.
    """

    subscriptions: Subscriptions
    fulfilments: Fulfilments
    delegations: Delegations
    transactions: Transactions
    stop: Callable[[int], Awaitable[None]]

    async def rewind(self, to_block: int, next_id: int) -> Doubts:
        """Takes everything back that was read after a block.

        Args:
            to_block: the last block that is still in the chain.
            next_id: ``Coordinator.id()`` there; ids from it on were given out later.
        """
        references = await self.transactions.recheck(to_block + 1)
        touched = await self.subscriptions.touched(to_block, next_id)
        removed = [row.id for row in touched if row.id >= next_id]
        await self._detach_delegations(next_id)
        for row in await self.fulfilments.of_subscriptions(removed):
            await self._suspend(row)
        return Doubts(
            removed,
            reread=[row.id for row in touched if row.id < next_id],
            reopened=await self._reopen(references),
        )

    async def _suspend(self, row: Fulfilment) -> None:
        """Holds an answer back: the question with this id may now be another one."""
        await self.stop(row.id)
        await self.transactions.abandon(row.reference)
        current = await self.fulfilments.get(row.id)
        if current is not None:
            await self.fulfilments.move(current, Stage.IGNORED, reason=REORGANISED)
            event = f"Interval {Stage.IGNORED}"
            log.info(event, id=row.label, interval=row.interval, reason=REORGANISED)

    async def _detach_delegations(self, next_id: int) -> None:
        """Delegated answers carry their own question, and create what they answer anew."""
        for delegation in await self.delegations.created_from(next_id):
            for row in await self.fulfilments.of_delegation(delegation.id):
                await self.fulfilments.move(row, row.stage, subscription_id=None)
            await self.delegations.set_phase(delegation.id, Phase.OPEN)

    async def _reopen(self, references: list[str]) -> list[Fulfilment]:
        reopened = []
        for reference in references:
            kind, _, rest = reference.partition("/")
            if kind != "deliver":
                continue
            row = await self.fulfilments.get(int(rest.partition("/")[0]))
            if row and row.reference == reference and row.stage is Stage.ANSWERED:
                reopened.append(await self.fulfilments.move(row, Stage.SUBMITTED))
        return reopened
