"""Collateral of proofs, until a verdict or the end of the week for one gives it back."""

from collections import Counter

import structlog

from infernet_node.chain.contracts import Coordinator, read_all
from infernet_node.chain.fulfilments import Fulfilment, Fulfilments
from infernet_node.chain.journal import Intent
from infernet_node.chain.metrics import ChainMetrics
from infernet_node.chain.rpc import Rpc
from infernet_node.chain.rpc_errors import RevertError, or_raise
from infernet_node.chain.stages import Stage
from infernet_node.chain.transactions import Transactions

log = structlog.get_logger(__name__)

SETTLED = "proof settled"
_BETWEEN_LOOKS = 600
"""Seconds of chain time."""


class Proofs:
    """Follows answers whose verifier has not spoken, and claims what no verdict came for.

    A verifier that is silent for a week has let its time pass: from then on anyone may
    finalise the proof, which unlocks the node's collateral and pays it.
    """

    def __init__(
        self,
        rpc: Rpc,
        coordinator: Coordinator,
        fulfilments: Fulfilments,
        transactions: Transactions,
        metrics: ChainMetrics,
    ) -> None:
        self._rpc = rpc
        self._coordinator = coordinator
        self._fulfilments = fulfilments
        self._transactions = transactions
        self._metrics = metrics
        self._looked_at = 0

    async def look(self, now: int) -> None:
        """Does what is due, at most every ten minutes.

        Args:
            now: chain time, UNIX seconds.

        Raises:
            RpcError: the chain could not be asked; ask again later.
        """
        if now - self._looked_at < _BETWEEN_LOOKS:
            return
        rows = await self._fulfilments.awaiting_verdict()
        node = self._transactions.address
        calls = [
            self._coordinator.proof_expiry(row.subscription_id, row.interval, node)
            for row in rows
            if row.subscription_id is not None
        ]
        locked: Counter[str] = Counter()
        for row, expiry in zip(rows, await read_all(self._rpc, calls), strict=True):
            if or_raise(expiry) == 0:
                await self._fulfilments.move(row, Stage.ANSWERED, reason=SETTLED)
                log.info("Proof settled", id=row.label, interval=row.interval)
                continue
            locked[row.subscription.payment_token] += row.subscription.payment_amount
            if now >= expiry:
                await self._finalise(row)
        self._show(locked)
        self._looked_at = now

    async def _finalise(self, row: Fulfilment) -> None:
        assert row.subscription_id is not None, "only what is on the chain awaits a verdict"
        data = self._coordinator.finalise(
            row.subscription_id, row.interval, self._transactions.address
        )
        intent = Intent(f"finalise/{row.id}", self._coordinator.address, data)
        try:
            entry = await self._transactions.submit(intent)
        except RevertError as error:
            log.warning("Proof cannot be finalised", id=row.label, error=str(error))
            return
        log.info("Finalising proof", id=row.label, interval=row.interval, state=entry.state)

    def _show(self, locked: Counter[str]) -> None:
        self._metrics.collateral.clear()
        for token, amount in locked.items():
            self._metrics.collateral.labels(token).set(amount)
