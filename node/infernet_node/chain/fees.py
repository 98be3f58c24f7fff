"""What to pay for gas, and when to pay more. Pure."""

from dataclasses import dataclass, replace

GWEI = 10**9

LOCAL_CHAINS = frozenset({1337, 31337})
ROLLUPS = frozenset({10, 324, 8453, 42161, 59144, 84532, 421614, 534352, 11155420})


@dataclass(frozen=True, slots=True)
class Fees:
    """A price for gas, in wei per gas."""

    max_fee: int
    """EIP-1559 ``maxFeePerGas``, or the gas price of a legacy transaction."""
    tip: int | None
    """EIP-1559 ``maxPriorityFeePerGas``; ``None`` makes it a legacy transaction."""

    @property
    def fields(self) -> dict[str, int]:
        """The fields of a transaction that carry the price."""
        if self.tip is None:
            return {"gasPrice": self.max_fee}
        return {"type": 2, "maxFeePerGas": self.max_fee, "maxPriorityFeePerGas": self.tip}


@dataclass(frozen=True, slots=True)
class Policy:
    """How a lane treats its transactions on one kind of chain."""

    resubmit_after_blocks: int
    resubmit_after_seconds: float
    """A transaction counts as stuck once either has passed since its last signature."""
    max_signatures: int
    """After this many prices, the nonce is given to a transaction that does nothing."""
    max_in_flight: int
    """Nonces signed and not final; public pools drop a sender's surplus."""
    confirmations: int
    """Blocks, the one it is in included, after which a transaction is final."""
    fee_ceiling: int = 1_000 * GWEI
    """No transaction pays more than this, wei per gas."""
    escalation: int = 5
    """Nor more than this many times its first price."""


MAINNET = Policy(3, 36.0, max_signatures=10, max_in_flight=16, confirmations=12)
ROLLUP = Policy(5, 10.0, max_signatures=10, max_in_flight=16, confirmations=1)
LOCAL = Policy(2, 2.0, max_signatures=5, max_in_flight=256, confirmations=1)


def policy_for(chain_id: int) -> Policy:
    """Returns the policy of a chain; one that is not known is treated like Ethereum's."""
    if chain_id in LOCAL_CHAINS:
        return LOCAL
    return ROLLUP if chain_id in ROLLUPS else MAINNET


def quote(base_fee: int | None, suggested: int, policy: Policy) -> Fees:
    """Returns the price of a new transaction: tip plus twice the base fee.

    Twice the base fee outlasts six full blocks in a row (EIP-1559 adds 12.5 % a block).

    Args:
        base_fee: of the latest block in wei, ``None`` on a chain without EIP-1559.
        suggested: ``eth_maxPriorityFeePerGas``, or ``eth_gasPrice`` where there is no base fee.
    """
    if base_fee is None:
        return Fees(min(suggested, policy.fee_ceiling), None)
    max_fee = min(suggested + 2 * base_fee, policy.fee_ceiling)
    return Fees(max_fee, min(suggested, max_fee))


def bump(current: Fees, fresh: Fees, first: Fees, policy: Policy) -> Fees | None:
    """Returns the price of a replacement, ``None`` if the caps leave no room for one.

    Pools accept a replacement that raises both fields by 12.5 %, rounded up.

    Args:
        current: the price it replaces.
        fresh: what a new transaction would pay now.
        first: the first price of this nonce.
    """
    cap = min(first.max_fee * policy.escalation, policy.fee_ceiling)
    least = _raised(current)
    if least.max_fee > cap:
        return None
    max_fee = min(max(least.max_fee, fresh.max_fee), cap)
    if least.tip is None:
        return Fees(max_fee, None)
    return Fees(max_fee, min(max(least.tip, fresh.tip or 0), max_fee))


def bump_to_cancel(current: Fees, fresh: Fees, policy: Policy) -> Fees | None:
    """Returns the price of a replacement that does nothing; only the ceiling limits it."""
    unbounded = replace(policy, escalation=2**64)
    return bump(current, fresh, current, unbounded)


def _raised(fees: Fees) -> Fees:
    return Fees(
        _plus_an_eighth(fees.max_fee), None if fees.tip is None else _plus_an_eighth(fees.tip)
    )


def _plus_an_eighth(value: int) -> int:
    return -(-value * 9 // 8)
