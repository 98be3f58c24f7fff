"""What the Coordinator's log tells of."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from infernet_node.chain.rpc_errors import TransportError


def _topic(signature: str) -> str:
    return "0x" + keccak(text=signature).hex()


_CREATED = _topic("SubscriptionCreated(uint32)")
_CANCELLED = _topic("SubscriptionCancelled(uint32)")
_VERIFIED = _topic("ProofVerified(uint32,uint32,address,bool,address,bool)")
TOPICS = [_CREATED, _CANCELLED, _VERIFIED]
"""First topics of the events that the node reads; the second of each is the subscription's id."""

_WORD = 32


@dataclass(frozen=True, slots=True)
class Settled:
    """A proof came to its end."""

    subscription_id: int
    interval: int
    node: str
    """Who delivered it, in EIP-55 form."""
    slashed: bool
    """Whether the node's collateral went to the consumer: a verifier said no within the week."""


@dataclass(frozen=True, slots=True)
class Events:
    """Of some blocks, in their order."""

    created: list[int] = field(default_factory=list)
    cancelled: list[int] = field(default_factory=list)
    settled: list[Settled] = field(default_factory=list)

    @classmethod
    def in_logs(cls, logs: Iterable[Any]) -> "Events":
        """Reads results of ``eth_getLogs``.

        Raises:
            TransportError: the endpoint sent something else.
        """
        events = cls()
        try:
            for entry in logs:
                events._add(entry["topics"], entry["data"])
        except (KeyError, IndexError, TypeError, ValueError, AttributeError):
            raise TransportError("the endpoint sent malformed logs") from None
        return events

    def _add(self, topics: Sequence[str], data: str) -> None:
        if topics[0] == _CREATED:
            self.created.append(int(topics[1], 16))
        elif topics[0] == _CANCELLED:
            self.cancelled.append(int(topics[1], 16))
        elif topics[0] == _VERIFIED:
            self.settled.append(_settled(topics, bytes.fromhex(data.removeprefix("0x"))))


def _settled(topics: Sequence[str], data: bytes) -> Settled:
    in_time, _verifier, valid = (
        int.from_bytes(data[at : at + _WORD], "big") for at in (0, _WORD, 2 * _WORD)
    )
    if len(data) != 3 * _WORD:
        raise ValueError("ProofVerified has three words of data")
    return Settled(
        subscription_id=int(topics[1], 16),
        interval=int(topics[2], 16),
        node=to_checksum_address("0x" + topics[3][-40:]),
        # After the week the verdict no longer counts, and the node is paid.
        slashed=bool(in_time) and not valid,
    )
