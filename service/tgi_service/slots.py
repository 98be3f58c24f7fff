"""How many jobs may run at the same time, and how many of them with a large request.

A worker process has a limit of its own, below its number of threads, so that a thread is
always left for health checks. The operator may set a second one for all workers together.
"""

import fcntl
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tgi_service.errors import TooManyJobsError

JOBS_PER_WORKER = 512
"""A waiting job costs a thread, about a quarter of a MiB; see ``make bench-service``."""

LARGE_BODY = 1024 * 1024
"""Bytes above which a request's body is a large one; the longest prompts have half of it."""
LARGE_BODIES_PER_WORKER = 32
"""Without this limit, memory for as many of the largest bodies as there are threads."""


class SharedSlots:
    """A number of slots shared by the processes that fork from the one that creates them.

    Each slot is one byte of a file, locked by a process. One that dies gives its slots back
    without doing anything.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as this object
        self._held: set[int] = set()
        self._lock = threading.Lock()

    def take(self) -> int | None:
        """Returns a slot, or ``None`` if all are taken."""
        with self._lock:
            for slot in range(self._size):
                if slot not in self._held and self._lock_byte(slot):
                    self._held.add(slot)
                    return slot
        return None

    def give_back(self, slot: int) -> None:
        """Frees a slot that this process took."""
        with self._lock:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, slot)
            self._held.remove(slot)

    def close(self) -> None:
        """Frees everything this process holds; the object is of no use afterwards."""
        self._file.close()

    def _lock_byte(self, slot: int) -> bool:
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, slot)
        except OSError:  # another process has it
            return False
        return True


class JobSlots:
    """Both limits together.

    Args:
        per_worker: jobs of this process.
        shared: jobs of all workers together, if that is limited.
    """

    def __init__(
        self, per_worker: int = JOBS_PER_WORKER, shared: SharedSlots | None = None
    ) -> None:
        self._free = threading.Semaphore(per_worker)
        self._shared = shared

    @contextmanager
    def one(self) -> Iterator[None]:
        """Occupies a slot.

        Raises:
            TooManyJobsError: if none is free; there is no queue.
        """
        if not self._free.acquire(blocking=False):
            raise TooManyJobsError("this worker of the service runs as many jobs as it can")
        try:
            with self._one_shared():
                yield
        finally:
            self._free.release()

    @contextmanager
    def _one_shared(self) -> Iterator[None]:
        if self._shared is None:
            yield
            return
        slot = self._shared.take()
        if slot is None:
            raise TooManyJobsError("the service runs as many jobs as TGI_INF_MAX_CONCURRENCY says")
        try:
            yield
        finally:
            self._shared.give_back(slot)


class LargeBodies:
    """The limit of large requests that are read or worked on at the same time."""

    def __init__(self) -> None:
        self._free = threading.Semaphore(LARGE_BODIES_PER_WORKER)

    @contextmanager
    def one(self) -> Iterator[None]:
        """Makes room for a large body.

        Raises:
            TooManyJobsError: if there is none; there is no queue.
        """
        if not self._free.acquire(blocking=False):
            raise TooManyJobsError(
                "this worker of the service holds as many requests above 1 MiB as it can"
            )
        try:
            yield
        finally:
            self._free.release()
