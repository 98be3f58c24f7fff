"""How the proofs of answers ended, as a column of their rows."""

import time
from enum import StrEnum
from typing import Any

from sqlalchemy import func, select, update

from infernet_node.chain.fulfilments import (
    VERIFIER_WORD,
    Fulfilment,
    fulfilment_of,
    fulfilments_table,
)
from infernet_node.chain.stages import Stage
from infernet_node.chain.words import WORD
from infernet_node.store.database import Database

_rows = fulfilments_table
_A_MONTH = 30 * 86400


class Verdict(StrEnum):
    """How a proof ended for the node that delivered it."""

    PAID = "paid"
    """The verifier said yes, or let its week pass."""
    SLASHED = "slashed"
    """The verifier said no: the collateral is the consumer's."""
    UNSEEN = "settled unseen"
    """The chain has no open proof, and the node has not read the block that ended it."""


class Verdicts:
    """Verdicts on answers of one Coordinator.

    Args:
        network: names chain and coordinator.
    """

    def __init__(self, database: Database, network: str) -> None:
        self._database = database
        self._mine = _rows.c.network == network

    async def awaited(self) -> list[Fulfilment]:
        """Rows answered in the last month whose proof has no verdict, as far as is known."""
        verifier = func.substr(_rows.c.struct, VERIFIER_WORD * WORD + 1, WORD)
        query = select(_rows).where(
            self._mine,
            _rows.c.stage == Stage.ANSWERED,
            _rows.c.verdict.is_(None),
            _rows.c.subscription_id.is_not(None),
            _rows.c.updated_at > int(time.time()) - _A_MONTH,
            verifier != bytes(WORD),
        )
        async with self._database.transaction() as connection:
            found = await connection.execute(query.order_by(_rows.c.id))
            return [fulfilment_of(row) for row in found]

    async def record(
        self, subscription_id: int, interval: int, verdict: Verdict, block: int
    ) -> Fulfilment | None:
        """Records a verdict; returns its row if that was news.

        Args:
            block: at which it was read.
        """
        of_row = (
            self._mine,
            _rows.c.subscription_id == subscription_id,
            _rows.c.interval == interval,
            _rows.c.verdict.is_distinct_from(verdict),
        )
        changes: dict[str, Any] = {"verdict": verdict, "verdict_block": block}
        async with self._database.transaction() as connection:
            found = (await connection.execute(select(_rows).where(*of_row))).one_or_none()
            await connection.execute(update(_rows).where(*of_row).values(changes))
        return None if found is None else fulfilment_of(found)

    async def forget_after(self, block: int) -> None:
        """Takes back what was read after a block that a reorganisation left as the last."""
        gone = (self._mine, _rows.c.verdict_block > block)
        async with self._database.transaction() as connection:
            await connection.execute(
                update(_rows).where(*gone).values(verdict=None, verdict_block=None)
            )
