"""One key, one process: two would sign different transactions with the same nonces."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class KeyInUseError(Exception):
    """Another process works with the key; the text says which, and what to do."""

    code = "key_in_use"


@contextmanager
def key_lock(folder: Path, address: str) -> Iterator[None]:
    """Holds a file lock for an account, which ends with the process however that ends.

    Args:
        folder: beside the key or the rows that belong to it.
        address: of the account.

    Raises:
        KeyInUseError: if another process holds it.
        OSError: if the folder cannot be written to.
    """
    path = folder / f"{address}.lock"
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise KeyInUseError(
                f"the key of {address} is in use by process {holder} (lock {path}): stop that "
                "node, or give this one a key of its own in chain.wallet"
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
