"""What a transaction needs next, from its row and what the chain shows. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from infernet_node.chain.fees import Fees, Policy, bump, bump_to_cancel
from infernet_node.chain.header import Header
from infernet_node.chain.journal import Entry, Signed, State
from infernet_node.chain.rpc_errors import TransportError

_TRANSFERS_TO_AFFORD = 10
_BLOCKS_TO_BELIEVE_A_LOSS = 2
"""Endpoints behind one URL may lag a block behind each other."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a mined transaction."""

    hash: str
    block_number: int
    block_hash: str
    succeeded: bool

    @classmethod
    def from_rpc(cls, receipt: Any) -> Self | None:
        """Reads the result of ``eth_getTransactionReceipt``, ``None`` while there is none.

        Raises:
            TransportError: if the endpoint sent something else.
        """
        if receipt is None:
            return None
        try:
            return cls(
                hash=str(receipt["transactionHash"]),
                block_number=int(receipt["blockNumber"], 16),
                block_hash=str(receipt["blockHash"]),
                succeeded=int(receipt["status"], 16) == 1,
            )
        except (KeyError, TypeError, ValueError):
            raise TransportError("the endpoint sent a malformed receipt") from None


@dataclass(frozen=True, slots=True)
class Observation:
    """The chain as one account sees it at one head."""

    head: Header
    next_nonce: int
    """Transactions of the account that are mined."""
    pending_nonce: int
    """The same with those that the pool could mine next."""
    quote: Fees
    """What a new transaction would pay now."""
    transfer_gas: int
    """Gas of a transfer of nothing to oneself."""
    receipts: Mapping[str, Receipt]
    """By transaction hash."""
    balance: int
    """Wei that the account has."""

    @property
    def can_pay(self) -> bool:
        """Whether the account has what a delivery or so costs at the present price."""
        return self.balance >= self.quote.max_fee * self.transfer_gas * _TRANSFERS_TO_AFFORD


@dataclass(frozen=True, slots=True)
class Waiting:
    """How long one transaction has been waiting, since it was signed or the one before mined."""

    blocks: int
    seconds: float
    blocks_lost: int = 0
    """For how many blocks its nonce has been used without a receipt of its own."""
    underpriced: bool = False
    """Whether a pool has refused its price."""


@dataclass(frozen=True, slots=True)
class Mine:
    """It is in a block."""

    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Unmine:
    """A reorganisation took it out of its block."""


@dataclass(frozen=True, slots=True)
class Settle:
    """Its life is over."""

    state: State
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Reprice:
    """Sign it again at this price."""

    fees: Fees


@dataclass(frozen=True, slots=True)
class Cancel:
    """Sign a transaction that does nothing in its place."""

    fees: Fees
    reason: str


@dataclass(frozen=True, slots=True)
class Resend:
    """Send the same bytes again."""


Action = Mine | Unmine | Settle | Reprice | Cancel | Resend


def next_action(entry: Entry, seen: Observation, waiting: Waiting, policy: Policy) -> Action | None:
    """Returns what to do about a signed transaction, ``None`` to wait."""
    receipt = next(
        (seen.receipts[sign.hash] for sign in entry.signatures if sign.hash in seen.receipts), None
    )
    if receipt is not None:
        if entry.state is not State.MINED or entry.block_hash != receipt.block_hash:
            return Mine(receipt)
        return settlement(entry, seen.head, policy)
    if entry.state is State.MINED:
        return Unmine()
    assert entry.nonce is not None, "a signed transaction has a nonce"
    if seen.next_nonce > entry.nonce:
        if waiting.blocks_lost < max(policy.confirmations, _BLOCKS_TO_BELIEVE_A_LOSS):
            return None
        return Settle(State.REPLACED, f"another transaction used nonce {entry.nonce}")
    return _push(entry, entry.signatures[-1], seen, waiting, policy)


def settlement(entry: Entry, head: Header, policy: Policy) -> Settle | None:
    """Returns how a mined transaction ends, ``None`` while it lacks confirmations."""
    assert entry.block_number is not None, "a mined transaction has a block"
    if head.number - entry.block_number + 1 < policy.confirmations:
        return None
    mined = next(sign for sign in entry.signatures if sign.hash == entry.mined_hash)
    if mined.cancels:
        return Settle(State.REPLACED, entry.reason or "cancelled")
    if entry.succeeded:
        return Settle(State.FINAL)
    return Settle(State.FAILED, "reverted on chain")


def mined(
    entry: Entry, receipt: Receipt, head: Header, policy: Policy
) -> tuple[State, dict[str, Any]]:
    """Returns the state and the columns of a transaction that has got into a block."""
    columns: dict[str, Any] = {
        "mined_hash": receipt.hash,
        "block_number": receipt.block_number,
        "block_hash": receipt.block_hash,
        "succeeded": receipt.succeeded,
    }
    end = settlement(replace(entry, state=State.MINED, **columns), head, policy)
    if end is None:
        return State.MINED, columns
    return end.state, {**columns, "reason": end.reason or entry.reason}


def unmined(entry: Entry) -> dict[str, Any]:
    """Returns the columns of a transaction that a reorganisation took out of its block.

    Only what had succeeded is wanted again. The nonce of anything else has to be used up all
    the same, which a deadline in the past brings about.
    """
    wanted = entry.state in (State.FINAL, State.MINED)
    return {
        "mined_hash": None,
        "block_number": None,
        "block_hash": None,
        "succeeded": None,
        "deadline": entry.deadline if wanted else 0,
    }


def _push(
    entry: Entry, last: Signed, seen: Observation, waiting: Waiting, policy: Policy
) -> Action | None:
    """Decides about a transaction that is not mined and still can be."""
    if not entry.cancelling and _is_pointless(entry, seen.head):
        fees = bump_to_cancel(last.fees, seen.quote, policy)
        if fees is not None:
            return Cancel(fees, "its deadline passed before it was mined")
    overdue = (
        waiting.blocks >= policy.resubmit_after_blocks
        or waiting.seconds >= policy.resubmit_after_seconds
    )
    too_cheap = waiting.underpriced or last.fees.max_fee < (seen.head.base_fee or 0)
    if (overdue and seen.next_nonce == entry.nonce) or (too_cheap and waiting.blocks > 0):
        return _raise_price(entry, last, seen, policy)
    if overdue or entry.state is State.SIGNED:
        return Resend()
    return None


def _raise_price(entry: Entry, last: Signed, seen: Observation, policy: Policy) -> Action:
    if entry.cancelling:
        fees = bump_to_cancel(last.fees, seen.quote, policy)
        return Reprice(fees) if fees else Resend()
    fees = bump(last.fees, seen.quote, entry.signatures[0].fees, policy)
    if fees is None:
        return Resend()
    if len(entry.signatures) >= policy.max_signatures:
        return Cancel(fees, f"not mined at any of {len(entry.signatures)} prices")
    return Reprice(fees)


def _is_pointless(entry: Entry, head: Header) -> bool:
    return entry.deadline is not None and head.timestamp >= entry.deadline
