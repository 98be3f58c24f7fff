"""Looks after the jobs of a worker process from a thread of its own.

A job's own thread is blocked while it waits for TGI. Somebody else must notice that its
caller has left, that its time is up, or that the service is stopping.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tgi_service.call import Cancellation
from tgi_service.errors import CallerGoneError, StoppedError

_INTERVAL = 0.2
"""Seconds between two looks; a caller's departure must be noticed within one second."""


@dataclass(frozen=True, slots=True, eq=False)
class _Ward:
    cancellation: Cancellation
    connection: socket.socket | None


class Overseer:
    """Cancels jobs that nobody waits for, or that take too long."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._wards: set[_Ward] = set()
        self._asleep = False
        """Whether the thread waits for the first ward, and not for the next look at all."""
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._abandoning = threading.Event()

    @contextmanager
    def watching(
        self, cancellation: Cancellation, connection: socket.socket | None = None
    ) -> Iterator[None]:
        """Watches a job inside the block.

        Args:
            connection: to the caller; the job is cancelled when the other side closes it.
        """
        ward = _Ward(cancellation, connection)
        with self._changed:
            self._wards.add(ward)
            if self._asleep:
                self._changed.notify()
            if self._thread is None:  # not earlier: threads do not survive the fork of a worker
                self._thread = threading.Thread(target=self._run, name="overseer", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._changed:
                self._wards.remove(ward)

    def stop_waiting(self) -> None:
        """Ends all waits between attempts, now and later; safe in a signal's own function."""
        self._stopping.set()

    def abandon_all(self) -> None:
        """Ends all jobs, now and later; safe in a signal's own function."""
        self._abandoning.set()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._asleep = not self._wards
                self._changed.wait(None if self._asleep else _INTERVAL)
                # Closing a connection happens after its ward is removed, under this lock.
                for ward in self._wards:
                    self._look_at(ward)

    def _look_at(self, ward: _Ward) -> None:
        if self._abandoning.is_set():
            ward.cancellation.cancel(StoppedError("the service was stopped"))
        if self._stopping.is_set():
            ward.cancellation.end_waits()
        ward.cancellation.enforce_limit()
        if ward.connection is not None and _is_closed(ward.connection):
            ward.cancellation.cancel(CallerGoneError("the caller closed the connection"))


def _is_closed(connection: socket.socket) -> bool:
    """Tells whether the other side has closed a connection, without taking bytes from it."""
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:  # still open, nothing to read
        return False
    except OSError:
        return True
