"""Which nonce the next transaction of an account gets. Pure."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager


class NonceCounter:
    """Hands out nonces one by one. The chain can raise the next one, never lower it.

    Args:
        next_nonce: the lowest that was never signed.
    """

    def __init__(self, next_nonce: int) -> None:
        self._next = next_nonce
        self._taken: set[int] = set()

    @property
    def next(self) -> int:
        return self._next

    def raise_to(self, nonce: int) -> None:
        """Skips nonces that the chain or its pool has seen used by somebody else."""
        self._next = max(self._next, nonce)

    @property
    def taken(self) -> frozenset[int]:
        """Nonces that are being recorded now."""
        return frozenset(self._taken)

    @contextmanager
    def taking(self) -> Iterator[int]:
        """Hands out the next nonce; what keeps it from being recorded leaves a gap to fill."""
        nonce, self._next = self._next, self._next + 1
        self._taken.add(nonce)
        try:
            yield nonce
        finally:
            self._taken.remove(nonce)


def gaps(mined: int, pending: int, in_flight: Collection[int]) -> list[int]:
    """Returns the nonces that keep transactions in flight from being mined.

    Args:
        mined: transactions of the account that are mined.
        pending: the same with those that the pool could mine next; a foreign transaction
            there fills its nonce by itself.
        in_flight: nonces of our own signed transactions that are not mined.
    """
    above = [nonce for nonce in in_flight if nonce >= mined]
    if not above:
        return []
    return [nonce for nonce in range(max(mined, pending), max(above)) if nonce not in in_flight]
