"""Collateral of proofs, until a verdict or the end of the week for one gives it back."""

from collections import Counter
from collections.abc import Sequence

import structlog

from infernet_node.chain.attempts import next_attempt
from infernet_node.chain.contracts import Coordinator, read_all
from infernet_node.chain.events import Settled
from infernet_node.chain.fulfilments import Fulfilment
from infernet_node.chain.header import Header
from infernet_node.chain.income import IncomeCounters
from infernet_node.chain.journal import Intent
from infernet_node.chain.rpc import Rpc
from infernet_node.chain.rpc_errors import RevertError, or_raise
from infernet_node.chain.transactions import Transactions
from infernet_node.chain.verdicts import Verdict, Verdicts

log = structlog.get_logger(__name__)

_BETWEEN_LOOKS = 600
"""Seconds of chain time."""


class Proofs:
    """Follows answers with a proof to their verdict, and claims what no verdict came for.

    A verifier that is silent for a week has let its time pass: from then on anyone may
    finalise the proof, which unlocks the node's collateral and pays it.
    """

    def __init__(
        self,
        rpc: Rpc,
        coordinator: Coordinator,
        verdicts: Verdicts,
        transactions: Transactions,
        income: IncomeCounters,
    ) -> None:
        self._rpc = rpc
        self._coordinator = coordinator
        self._verdicts = verdicts
        self._transactions = transactions
        self._income = income
        self._looked_at = 0

    async def hear(self, settled: Sequence[Settled], block: int) -> None:
        """Records what blocks say of this node's proofs. May be repeated.

        Args:
            block: the last that was read.
        """
        for proof in settled:
            if proof.node == self._transactions.address:
                verdict = Verdict.SLASHED if proof.slashed else Verdict.PAID
                await self._record(proof.subscription_id, proof.interval, verdict, block)

    async def look(self, head: Header) -> None:
        """Does what is due, at most every ten minutes of chain time.

        Raises:
            RpcError: the chain could not be asked; ask again later.
        """
        now = head.timestamp
        if now - self._looked_at < _BETWEEN_LOOKS:
            return
        rows = await self._verdicts.awaited()
        node = self._transactions.address
        calls = [self._coordinator.proof_expiry(*_key(row), node) for row in rows]
        locked: Counter[str] = Counter()
        for row, expiry in zip(rows, await read_all(self._rpc, calls), strict=True):
            if or_raise(expiry) == 0:
                # The event that says how may be in a block that is not read yet.
                await self._record(*_key(row), Verdict.UNSEEN, head.number)
                continue
            locked[row.subscription.payment_token] += row.subscription.payment_amount
            if now >= expiry:
                await self._finalise(row)
        self._show(locked)
        self._looked_at = now

    async def _record(
        self, subscription_id: int, interval: int, verdict: Verdict, block: int
    ) -> None:
        row = await self._verdicts.record(subscription_id, interval, verdict, block)
        if row is not None:
            log.info("Proof settled", id=subscription_id, interval=interval, verdict=verdict)
            self._income.settled(row, verdict)

    async def _finalise(self, row: Fulfilment) -> None:
        """Claims a proof; where that has failed, once more at the next look."""
        data = self._coordinator.finalise(*_key(row), self._transactions.address)
        reference = await next_attempt(self._transactions, f"finalise/{row.id}")
        try:
            entry = await self._transactions.submit(
                Intent(reference, self._coordinator.address, data)
            )
        except RevertError as error:
            log.warning("Proof cannot be finalised", id=row.label, error=str(error))
            return
        log.info("Finalising proof", id=row.label, interval=row.interval, state=entry.state)

    def _show(self, locked: Counter[str]) -> None:
        collateral = self._income.metrics.collateral
        collateral.clear()
        for token, amount in locked.items():
            collateral.labels(token).set(amount)


def _key(row: Fulfilment) -> tuple[int, int]:
    assert row.subscription_id is not None, "only what is on the chain awaits a verdict"
    return row.subscription_id, row.interval
