"""What a mined transaction tells."""

from dataclasses import dataclass

from eth_typing import ChecksumAddress
from eth_utils.crypto import keccak
from web3.types import TxReceipt

SUBSCRIPTION_CREATED = keccak(text="SubscriptionCreated(uint32)")


@dataclass(frozen=True, slots=True)
class Mined:
    """A transaction, once it is in a block."""

    transaction: str
    block: int
    gas: int

    @classmethod
    def of(cls, receipt: TxReceipt) -> "Mined":
        return cls(
            "0x" + receipt["transactionHash"].hex(), receipt["blockNumber"], receipt["gasUsed"]
        )

    def __str__(self) -> str:
        return f"{self.transaction}  block {self.block}  gas {self.gas:,}"


def created_subscription(receipt: TxReceipt) -> tuple[int, ChecksumAddress] | None:
    """Returns the id of the subscription that a transaction created, and its coordinator."""
    for log in receipt["logs"]:
        if log["topics"] and log["topics"][0] == SUBSCRIPTION_CREATED:
            return int.from_bytes(log["topics"][1], "big"), log["address"]
    return None
