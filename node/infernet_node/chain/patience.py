"""How long each transaction of a lane has been waiting. Pure, apart from the clock given."""

from collections.abc import Callable
from dataclasses import dataclass

from infernet_node.chain.journal import Entry
from infernet_node.chain.lifecycle import Observation, Waiting


@dataclass(frozen=True, slots=True)
class _Moment:
    block: int
    seconds: float


class Patience:
    """Remembers when transactions were last sent. Losing it only makes the lane wait again.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._sent: dict[int, _Moment] = {}
        self._lost: dict[int, int] = {}
        self._underpriced: set[int] = set()
        self._next_nonce = 0
        # A queue that moves is not stuck, however old its last transaction is.
        self._moved = _Moment(0, 0.0)

    def saw(self, seen: Observation) -> None:
        """Notes whether any transaction of the account was mined since the last look."""
        if seen.next_nonce != self._next_nonce:
            self._next_nonce = seen.next_nonce
            self._moved = self._now(seen)

    def signed(self, entry_id: int, seen: Observation) -> None:
        """A price was signed: its waiting starts."""
        self._underpriced.discard(entry_id)
        self._sent[entry_id] = self._now(seen)

    def resent(self, entry_id: int, seen: Observation) -> None:
        self._sent[entry_id] = self._now(seen)

    def refused_price(self, entry_id: int) -> None:
        self._underpriced.add(entry_id)

    def forget(self, entry_id: int) -> None:
        self._sent.pop(entry_id, None)
        self._lost.pop(entry_id, None)
        self._underpriced.discard(entry_id)

    def waiting(self, entry: Entry, seen: Observation) -> Waiting:
        now = self._now(seen)
        since = self._sent.setdefault(entry.id, now)
        return Waiting(
            blocks=now.block - max(since.block, self._moved.block),
            seconds=now.seconds - max(since.seconds, self._moved.seconds),
            blocks_lost=self._blocks_lost(entry, seen),
            underpriced=entry.id in self._underpriced,
        )

    def _blocks_lost(self, entry: Entry, seen: Observation) -> int:
        own_receipt = any(signed.hash in seen.receipts for signed in entry.signatures)
        if own_receipt or entry.nonce is None or seen.next_nonce <= entry.nonce:
            self._lost.pop(entry.id, None)
            return 0
        return seen.head.number - self._lost.setdefault(entry.id, seen.head.number)

    def _now(self, seen: Observation) -> _Moment:
        return _Moment(seen.head.number, self._clock())
