"""Logs of a contract as they come."""

from collections.abc import Iterator, Sequence
from typing import Any

from web3 import Web3
from web3.contract import Contract
from web3.types import EventData, LogReceipt

MAX_RANGE = 1_000
"""Blocks in one request: public endpoints refuse more."""
REREAD = 5
"""Blocks that are read again: backends behind one URL disagree about the newest ones."""


class Tail:
    """Reads chosen events of one contract in order, each of them once."""

    def __init__(
        self, contract: Contract, events: Sequence[str], since: int, topics: Sequence[Any] = ()
    ) -> None:
        """Prepares; nothing is read.

        Args:
            events: names of events in the contract's ABI.
            since: first block to read.
            topics: what indexed arguments must be, in their order, as 32 bytes; None: anything.
        """
        self._contract = contract
        decoders = (contract.events[name]() for name in events)
        self._decoders = {str(decoder.topic): decoder for decoder in decoders}
        self._topics = [list(self._decoders), *topics]
        self._first, self._next = since, since
        self._seen: dict[tuple[bytes, int], int] = {}
        """Logs that were handed out, by block hash and log index, with their block's number."""

    def poll(self) -> Iterator[EventData]:
        """Yields the events that came since the last call; the first one reads from ``since``."""
        newest = self._contract.w3.eth.block_number
        start = max(self._first, self._next - REREAD)
        while start <= newest:
            end = min(start + MAX_RANGE - 1, newest)
            for log in self._logs(start, end):
                key = (bytes(log["blockHash"]), log["logIndex"])
                if key not in self._seen:
                    self._seen[key] = log["blockNumber"]
                    yield self._decoders[log["topics"][0].to_0x_hex()].process_log(log)
            start = end + 1
        self._next = newest + 1
        self._seen = {k: block for k, block in self._seen.items() if block > newest - REREAD}

    def _logs(self, start: int, end: int) -> list[LogReceipt]:
        return self._contract.w3.eth.get_logs(
            {
                "address": self._contract.address,
                "fromBlock": start,
                "toBlock": end,
                "topics": self._topics,
            }
        )


def topic(value: int) -> str:
    """Returns an indexed number as a topic."""
    return Web3.to_hex(value.to_bytes(32, "big"))
