"""Collateral for proofs: the Coordinator locks it in the node's own Wallet at delivery."""

import asyncio
from dataclasses import dataclass, field

import structlog

from infernet_node.chain.attempts import next_attempt
from infernet_node.chain.contracts import Wallet, read_all
from infernet_node.chain.journal import Entry, Intent, State
from infernet_node.chain.rpc import Rpc
from infernet_node.chain.rpc_errors import or_raise
from infernet_node.chain.transactions import Transactions

log = structlog.get_logger(__name__)

STANDING_ALLOWANCE = 2**128 - 1
"""Covers any number of deliveries at the same time. Only deliveries of this very node can
spend it, and unlocking collateral adds to it, for which it leaves room in a uint256."""


class EscrowError(Exception):
    """Proofs cannot be backed by collateral now; the text says why."""


@dataclass
class Escrow:
    """Keeps the node's allowance on its own Wallet above what deliveries need.

    Args:
        wallet: the node's Wallet contract.
    """

    rpc: Rpc
    transactions: Transactions
    wallet: str
    _one_at_a_time: asyncio.Lock = field(init=False, default_factory=asyncio.Lock)

    async def ensure(self, token: str, amount: int) -> None:
        """Sees to it that a delivery can lock ``amount`` of a token.

        Raises:
            EscrowError: the wallet belongs to somebody else, or the approval did not work.
            RpcError: the chain could not be asked.
        """
        node, wallet = self.transactions.address, Wallet(self.wallet)
        async with self._one_at_a_time:
            allowance, owner = await read_all(
                self.rpc, [wallet.allowance(node, token), wallet.owner()]
            )
            if or_raise(allowance) >= amount:
                return
            if or_raise(owner) != node:
                raise EscrowError(f"payment_address {self.wallet} is not owned by {node}")
            stem = f"escrow/{self.wallet}/{token}"
            reference = await next_attempt(self.transactions, stem)
            outcome = self.transactions.outcome(reference)
            data = wallet.approve(node, token, STANDING_ALLOWANCE)
            await self.transactions.submit(Intent(reference, self.wallet, data))
            log.info("Approving collateral", wallet=self.wallet, token=token)
            entry: Entry = await asyncio.shield(outcome)
            if entry.state is not State.FINAL:
                raise EscrowError(f"approval of collateral {entry.state}: {entry.reason}")
