"""The Coordinator's ``Subscription`` struct and its time line."""

from dataclasses import astuple, dataclass
from typing import Any, Self

from eth_utils.address import to_checksum_address

from infernet_protocol.hashing import UINT32_MAX

ZERO_ADDRESS = "0x" + "00" * 20

ABI_TYPE = "(address,uint32,uint32,uint32,uint16,bytes32,bool,address,uint256,address,address)"


@dataclass(frozen=True, slots=True)
class Subscription:
    """A standing request for compute, field by field as the contract stores it.

    Addresses are kept in EIP-55 form. Field order is the ABI's.
    """

    owner: str
    """Consumer contract: creator, and receiver of the answers. Zero: no such subscription."""
    active_at: int
    """First second (UNIX, chain time) at which an answer is accepted; 2**32-1: cancelled."""
    period: int
    """Seconds per interval; 0 for a single one that does not end by time."""
    frequency: int
    """How many intervals are answered."""
    redundancy: int
    """How many nodes may answer each interval."""
    container_id: bytes
    """Hash of the container pipeline, see :func:`infernet_protocol.hashing.container_id`."""
    lazy: bool
    """Whether answers are kept in the Inbox instead of handed to the consumer."""
    verifier: str
    payment_amount: int
    """Per answer, in wei or the token's smallest unit."""
    payment_token: str
    """ERC20 address; zero is the native coin."""
    wallet: str
    """The paying Wallet; ignored when nothing is paid."""

    @classmethod
    def from_abi(cls, values: Any) -> Self:
        """Builds one from the 11-tuple that a contract call returns."""
        fields = list(values)
        if len(fields) != len(cls.__slots__):
            raise ValueError(f"a Subscription has {len(cls.__slots__)} fields, not {len(fields)}")
        for index in (0, 7, 9, 10):
            fields[index] = to_checksum_address(fields[index])
        fields[5] = bytes(fields[5])
        return cls(*fields)

    def to_abi(self) -> tuple[Any, ...]:
        """Returns the 11-tuple that contract calls and EIP-712 hashes take."""
        return astuple(self)

    @property
    def exists(self) -> bool:
        """Whether the contract knows it: an unknown id reads as all zeros."""
        return self.owner != ZERO_ADDRESS

    @property
    def cancelled(self) -> bool:
        return self.active_at == UINT32_MAX

    @property
    def is_callback(self) -> bool:
        """Whether it has one interval only, which no time ends."""
        return self.period == 0

    @property
    def requires_proof(self) -> bool:
        return self.verifier != ZERO_ADDRESS

    def is_active(self, now: int) -> bool:
        """Whether answers are accepted at ``now`` (UNIX seconds of the block)."""
        return not self.cancelled and now >= self.active_at

    def interval(self, now: int) -> int:
        """Returns the interval, from 1, that ``now`` (UNIX seconds of the block) lies in.

        Raises:
            ValueError: if the subscription is not active then.
        """
        if not self.is_active(now):
            raise ValueError(f"not active at {now}: active_at is {self.active_at}")
        return 1 if self.is_callback else (now - self.active_at) // self.period + 1

    def interval_start(self, interval: int) -> int:
        """Returns the first second (UNIX, chain time) of an interval counted from 1."""
        return self.active_at + (interval - 1) * self.period

    def is_over(self, now: int) -> bool:
        """Whether no interval is left to answer: cancelled, or past the last one by time."""
        if self.cancelled:
            return True
        return self.is_active(now) and self.interval(now) > self.frequency
