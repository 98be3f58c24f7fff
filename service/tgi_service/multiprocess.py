"""Where worker processes add up their metrics.

The metrics library chooses how it counts when it is first imported, by a variable of the
environment. So nothing here imports it before that is set.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

DIRECTORY_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


@contextmanager
def metrics_directory() -> Iterator[None]:
    """Makes a directory of this run's own, and removes it at the end.

    Counts of another run would be added to its. A worker, which leaves this block too, since
    it is a copy of the process that entered it, removes nothing.
    """
    owner = os.getpid()
    directory = tempfile.mkdtemp(prefix="tgi-service-metrics-")
    os.environ[DIRECTORY_VARIABLE] = directory
    try:
        yield
    finally:
        if os.getpid() == owner:
            shutil.rmtree(directory, ignore_errors=True)


def forget_worker(server: Any, worker: Any) -> None:
    """gunicorn's hook for a worker that has ended: what it was doing, nobody does any more."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
