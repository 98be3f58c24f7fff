"""One key, one process: two would sign different transactions with the same nonces."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infernet_node.process_lock import LockedError, process_lock


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
    try:
        with process_lock(folder / f"{address}.lock"):
            yield
    except LockedError as error:
        raise KeyInUseError(
            f"the key of {address} is in use by process {error.holder} (lock {error.path}): stop "
            "that node, or give this one a key of its own in chain.wallet"
        ) from None
