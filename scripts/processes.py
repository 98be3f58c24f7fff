"""Child processes that never outlive the script, and say what they said when they fail."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import requests

from scripts.errors import ScriptError

STOP_GRACE = 10
"""Seconds between SIGTERM and SIGKILL."""
INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""How a person, or the end of a terminal, stops us."""
PR_SET_PDEATHSIG = 1
_GIVEN_OUT: set[int] = set()
"""Ports that :func:`free_port` has returned."""


def free_port() -> int:
    """Returns a TCP port of the loopback interface that nothing listens on.

    Never twice the same: whoever got it may not listen on it yet.
    """
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port not in _GIVEN_OUT:
            _GIVEN_OUT.add(port)
            return port


def port_or_free(wanted: int, what: str) -> int:
    """Returns the wanted port, or a free one, saying so, when it is in use."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            port = free_port()
            click.echo(f"port {wanted} is in use, {what} takes {port}", err=True)
            return port
    return wanted


def die_with_parent() -> None:
    """Lets the kernel end a child whose parent was killed, where the kernel can (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class Process:
    """One running child with its log."""

    name: str
    popen: subprocess.Popen[bytes]
    log: Path

    @classmethod
    def start(
        cls,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> "Process":
        """Starts a command with its output going to ``log``.

        The child has a session of its own, so that Ctrl-C reaches us alone and the order in
        which children stop is ours.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            popen = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                cwd=cwd,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        return cls(name, popen, log)

    @property
    def running(self) -> bool:
        return self.popen.poll() is None

    def tail(self, lines: int = 15) -> str:
        """Returns the last lines of the log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> None:
        """Waits until ``ready()`` is true.

        Raises:
            ScriptError: with the end of the log, if the process ends before or the
                time is up.
        """
        deadline = time.monotonic() + seconds
        # In this order: whoever had the port before answers as well, while our own process,
        # which could not get it, has ended.
        while not (ready() and self.running):
            if not self.running:
                raise ScriptError(
                    f"{self.name} ended with exit code {self.popen.returncode}; "
                    f"the end of {self.log}:\n{self.tail()}"
                )
            if time.monotonic() > deadline:
                raise ScriptError(
                    f"{self.name} was not ready within {seconds:g} s; "
                    f"the end of {self.log}:\n{self.tail()}"
                )
            time.sleep(0.05)

    def kill(self) -> None:
        """Ends it at once, as a crash of the machine would (SIGKILL)."""
        self._signal(signal.SIGKILL)
        self.popen.wait()

    def stop(self) -> None:
        """Asks it to end, insists after a while, and leaves nothing of its group behind."""
        stop_all([self])

    def ask_to_end(self) -> None:
        """Sends SIGTERM to its group."""
        self._signal(signal.SIGTERM)

    def insist(self, seconds: float) -> None:
        """Waits for its end, not longer than told, and leaves nothing of its group behind."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.popen.wait(max(0, seconds))
        self.kill()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):  # the whole group has ended already
            os.killpg(self.popen.pid, number)


def stop_all(processes: Sequence[Process]) -> None:
    """Stops processes, all at the same time; an impatient second Ctrl-C changes nothing."""
    with _undisturbed():
        for process in processes:
            process.ask_to_end()
        deadline = time.monotonic() + STOP_GRACE
        for process in processes:
            process.insist(deadline - time.monotonic())


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # signals reach the main thread only
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in INTERRUPTIONS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def answers(url: str) -> bool:
    """Tells whether ``GET url`` answers 200 within a second."""
    try:
        return requests.get(url, timeout=1).ok
    except requests.RequestException:
        return False
