"""Custom errors of the contracts, by the selector that starts their revert data."""

from eth_utils.crypto import keccak

NAMES = (
    "AlreadyInitialized",
    "ETHTransferFailed",
    "InsufficientAllowance",
    "InsufficientBalance",
    "InsufficientFunds",
    "IntervalCompleted",
    "IntervalMismatch",
    "InvalidSignature",
    "InvalidWallet",
    "NewOwnerIsZeroAddress",
    "NoHandoverRequest",
    "NodeNotAllowed",
    "NodeRespondedAlready",
    "NotCoordinator",
    "NotSubscriptionOwner",
    "ProofRequestNotFound",
    "Reentrancy",
    "SignatureExpired",
    "SignerMismatch",
    "SubscriptionCompleted",
    "SubscriptionNotActive",
    "SubscriptionNotFound",
    "TransferFailed",
    "Unauthorized",
    "UnauthorizedVerifier",
    "UnsupportedVerifierToken",
)
"""All of them take no arguments."""

SELECTORS = {keccak(text=f"{name}()")[:4]: name for name in NAMES}


def error_name(revert_data: bytes) -> str | None:
    """Returns the contract error that revert data begins with, or ``None`` if unknown."""
    return SELECTORS.get(revert_data[:4])
