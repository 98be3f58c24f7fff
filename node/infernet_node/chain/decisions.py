"""What to do when the contracts refuse a delivery. Pure.

The texts are those that operators and tests of Infernet nodes search for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from infernet_node.chain.rpc_errors import RevertError


class Step(Enum):
    """Where in an interval's work the refusal was met."""

    REHEARSAL = auto()
    """Before computing, with made-up output: a consumer may refuse that and yet take ours."""
    DELIVERY = auto()
    """With the real output."""


class Action(Enum):
    """What follows from a refusal."""

    GO_ON = auto()
    """It means nothing at this step."""
    ANSWERED = auto()
    """This node has answered already."""
    ANSWERED_BY_ANOTHER = auto()
    """Enough nodes have answered."""
    EXPIRED = auto()
    """The interval, or the whole subscription, is over."""
    NEXT_BLOCK = auto()
    """Too early by a block or so."""
    REREAD = auto()
    """The chain has another idea of the subscription than the node."""
    CHECK_WALLETS = auto()
    """Either side's Wallet may be at fault."""
    BACK_OFF = auto()
    """Somebody has to put something right first; try again until time is up."""
    FAIL = auto()
    """This interval cannot be answered; the next one may."""
    DROP = auto()
    """The subscription can never be answered by this node."""


@dataclass(frozen=True, slots=True)
class Decision:
    """How one kind of refusal is taken."""

    message: str
    level: str
    """Of the log line: ``"info"`` or ``"error"``."""
    recurring: Action
    callback: Action

    def action(self, *, is_callback: bool) -> Action:
        return self.callback if is_callback else self.recurring


def _each(message: str, action: Action, callback: Action | None = None) -> Decision:
    return Decision(message, "error", action, callback or action)


_DECISIONS = {
    "InvalidWallet": _each(
        "Invalid wallet, please make sure you're using a wallet created from Infernet's "
        "`WalletFactory`.",
        Action.CHECK_WALLETS,
    ),
    "IntervalMismatch": _each(
        "Interval mismatch. The interval is not the current one.", Action.NEXT_BLOCK
    ),
    "IntervalCompleted": Decision(
        "Interval completed. Redundancy has been already met for the current interval",
        "info",
        Action.ANSWERED_BY_ANOTHER,
        Action.ANSWERED_BY_ANOTHER,
    ),
    "UnauthorizedVerifier": _each("Verifier is not authorized.", Action.BACK_OFF),
    "NodeRespondedAlready": Decision(
        "Node already responded for this interval", "info", Action.ANSWERED, Action.ANSWERED
    ),
    "SubscriptionNotFound": _each("Subscription not found", Action.REREAD),
    "ProofRequestNotFound": _each("Proof request not found", Action.BACK_OFF),
    "NotSubscriptionOwner": _each("Caller is not the owner of the subscription", Action.BACK_OFF),
    "SubscriptionCompleted": Decision(
        "Subscription is already completed, another node has likely already delivered the response",
        "info",
        Action.EXPIRED,
        Action.EXPIRED,
    ),
    "SubscriptionNotActive": _each("Subscription is not active", Action.REREAD),
    "UnsupportedVerifierToken": _each(
        "Unsupported verifier token. Attempting to pay a `IVerifier`-contract in a token it does "
        "not support receiving payments in",
        Action.FAIL,
        callback=Action.DROP,
    ),
    "SignerMismatch": _each("Signer does not match.", Action.DROP),
    "SignatureExpired": _each("EIP-712 Signature has expired.", Action.DROP),
    "InvalidSignature": _each("Signature is not valid.", Action.DROP),
    "TransferFailed": _each("Token transfer failed.", Action.BACK_OFF),
    "ETHTransferFailed": _each("Transfer of the native coin failed.", Action.BACK_OFF),
    "InsufficientFunds": _each(
        "Insufficient funds. You either are trying to withdraw `amount > unlockedBalance` or are "
        "trying to escrow `amount > unlockedBalance`or attempting to unlock "
        "`amount > lockedBalance`",
        Action.BACK_OFF,
    ),
    "InsufficientAllowance": _each("Insufficient allowance.", Action.BACK_OFF),
    "NodeNotAllowed": _each(
        "Node is not allowed to deliver this subscription.", Action.FAIL, callback=Action.DROP
    ),
    "InsufficientBalance": _each("Insufficient balance.", Action.BACK_OFF),
}


ANSWERED = frozenset({"IntervalCompleted", "NodeRespondedAlready"})
"""Errors that the Coordinator checks for before it looks at payments and proofs."""
BEFORE_PROOF = ANSWERED | {
    *("InvalidWallet", "UnsupportedVerifierToken"),
    *("InsufficientFunds", "InsufficientBalance", "TransferFailed", "ETHTransferFailed"),
}
"""Errors that it checks for before it asks the verifier, so that they say something although the
proof is made up. Not the allowance: the node grants its own only when there is a proof to back."""


def decide(error: RevertError, step: Step) -> Decision:
    """Returns what a refused simulation means.

    Args:
        error: from simulating the delivery.
    """
    known = _DECISIONS.get(error.name or "")
    if known is not None:
        return known
    unknown = Action.GO_ON if step is Step.REHEARSAL else Action.BACK_OFF
    return _each(f"Delivery would revert: {error.text}", unknown)


def is_allowed(error: RevertError, allowed: Sequence[str]) -> bool:
    """Whether the operator wants deliveries sent despite this error.

    Args:
        allowed: ``allowed_sim_errors``, parts of error texts in any case.
    """
    text = error.text.lower()
    return any(part.lower() in text for part in allowed)
