"""What an endpoint's answer to ``eth_sendRawTransaction`` says about the transaction. Pure.

Clients share no error codes for these, only similar words.
"""

from enum import Enum, auto

from infernet_node.chain.rpc_errors import RpcError, TransportError


class Verdict(Enum):
    """What is known after a failed send."""

    KNOWN = auto()
    """The pool has this very transaction: as good as accepted."""
    UNKNOWN = auto()
    """It may or may not have arrived: send the same bytes again later."""
    NONCE_USED = auto()
    """Some transaction with this nonce, perhaps this one, is mined already."""
    UNDERPRICED = auto()
    """Too little for the pool, or for replacing what the pool has at this nonce."""
    UNFUNDED = auto()
    """The sender cannot pay for its gas."""
    REJECTED = auto()
    """No pool will ever take it as it is."""


_WORDS = (
    (Verdict.KNOWN, ("already known", "already imported", "known transaction", "alreadyknown")),
    (Verdict.NONCE_USED, ("nonce too low", "nonce is too low", "oldnonce", "invalid nonce")),
    (Verdict.UNFUNDED, ("insufficient funds", "insufficient balance", "upfront cost")),
    (
        Verdict.UNDERPRICED,
        (
            "underpriced",
            "less than block base fee",
            "fee too low",
            "feetoolow",
            "gas price too low",
        ),
    ),
    (
        Verdict.REJECTED,
        (
            *("intrinsic gas", "exceeds block gas limit", "gas limit", "invalid sender"),
            *("invalid signature", "chain id", "chainid", "oversized", "tx fee", "not supported"),
        ),
    ),
)


def verdict(error: RpcError) -> Verdict:
    """Reads a failed send; words that are not known leave the outcome open."""
    if isinstance(error, TransportError):
        return Verdict.UNKNOWN
    text = str(error).lower()
    for meaning, phrases in _WORDS:
        if any(phrase in text for phrase in phrases):
            return meaning
    return Verdict.UNKNOWN
