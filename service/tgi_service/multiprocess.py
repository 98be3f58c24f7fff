"""Where worker processes add up their metrics.

The metrics library chooses how it counts when it is first imported, by a variable of the
environment. So nothing here imports it before that is set.
"""

import os
import shutil
import tempfile
from typing import Any

DIRECTORY_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def prepare() -> None:
    """Makes a directory of this run's own: counts of another one would be added to its."""
    os.environ[DIRECTORY_VARIABLE] = tempfile.mkdtemp(prefix="tgi-service-metrics-")


def forget_worker(server: Any, worker: Any) -> None:
    """gunicorn's hook for a worker that has ended: what it was doing, nobody does any more."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def clean_up(server: Any) -> None:
    """gunicorn's hook for its own end."""
    shutil.rmtree(os.environ[DIRECTORY_VARIABLE], ignore_errors=True)
