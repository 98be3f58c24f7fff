"""What one process of a machine uses at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class LockedError(Exception):
    """Another process holds the lock.

    Args:
        holder: its id, or ``"unknown"``.
    """

    code = "locked"

    def __init__(self, path: Path, holder: str) -> None:
        super().__init__(f"{path} is locked by process {holder}")
        self.path = path
        self.holder = holder


@contextmanager
def process_lock(path: Path) -> Iterator[None]:
    """Holds a file lock, which ends with the process however that ends.

    Raises:
        LockedError: if another process holds it.
        OSError: if the file cannot be written to.
    """
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise LockedError(path, file.read().strip() or "unknown") from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
