"""What runs of the demo on one machine have in common: the folder of runs, and their turns."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click


def own_folder(runs: Path, kind: str) -> Path:
    """Makes an empty folder for this process, and removes those that ended runs left.

    Args:
        runs: where the folders of runs are.
        kind: first part of the name; the other is the process's id.
    """
    own = runs / f"{kind}-{os.getpid()}"
    for folder in runs.glob(f"{kind}-*"):
        pid = folder.name.removeprefix(f"{kind}-")
        if folder == own or (pid.isdigit() and not _runs(int(pid))):
            # Another run may be removing the same one.
            shutil.rmtree(folder, ignore_errors=True)
    own.mkdir(parents=True)
    return own


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # somebody else's
    return True


@contextlib.contextmanager
def turn() -> Iterator[None]:
    """Lets one run of this user at a time choose its ports and start its servers on them.

    A port that was found free stays free only until somebody else takes it.
    """
    path = Path(tempfile.gettempdir()) / f"infernet-tgi-demo-{os.getuid()}.lock"
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            click.echo("waiting for another demo to start up", err=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
