"""How much work is taken on at a time."""

from collections.abc import Iterator
from contextlib import contextmanager


class NotAcceptingError(Exception):
    """No more work is taken on now; the text tells the caller why. REST answers 503."""

    code = "not_accepting"
    retry_after = 1
    """Seconds."""


class Admission:
    """Counts work between its acceptance and its end.

    Args:
        max_jobs: pieces of work at the same time.
        max_bytes: their input data in sum.
    """

    def __init__(self, max_jobs: int, max_bytes: int) -> None:
        self._max_jobs = self._free_jobs = max_jobs
        self._max_bytes = self._free_bytes = max_bytes
        self._open = True

    @contextmanager
    def entering(self, size: int) -> Iterator[None]:
        """Takes room for one piece of work, and gives it back if the block raises.

        Args:
            size: bytes of its input.

        Raises:
            NotAcceptingError: if there is none, or the node is about to stop.
        """
        if not self._open:
            raise NotAcceptingError("The node is shutting down; try another one")
        if self._free_jobs < 1 or self._free_bytes < size:
            raise NotAcceptingError("Too many jobs are pending; try again later")
        self.occupy(size)
        try:
            yield
        except BaseException:
            self.leave(size)
            raise

    def taken(self, jobs: int, octets: int) -> None:
        """Says how much room is taken in all, where that is not decided here alone."""
        self._free_jobs = self._max_jobs - jobs
        self._free_bytes = self._max_bytes - octets

    def occupy(self, size: int) -> None:
        """Takes room unconditionally, for work that was accepted by an earlier process."""
        self._free_jobs -= 1
        self._free_bytes -= size

    def leave(self, size: int) -> None:
        self._free_jobs += 1
        self._free_bytes += size

    def close(self) -> None:
        """Refuses all further work."""
        self._open = False
