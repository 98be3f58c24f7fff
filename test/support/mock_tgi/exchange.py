"""One call of a generating route: its slot, its scripted pauses, its caller's presence."""

import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Request

from test.support.mock_tgi.failures import TgiFailure, overloaded
from test.support.mock_tgi.generation import Generation
from test.support.mock_tgi.metering import Meters
from test.support.mock_tgi.parameters import Parameters
from test.support.mock_tgi.scripting import Behaviour, Recorded, Script
from test.support.mock_tgi.settings import Settings

_POLL_INTERVAL = 0.02
"""Seconds between two looks at a silent caller; well below the second TGI may take."""


class CallerGoneError(ConnectionResetError):
    """The caller disconnected; the web server closes the connection without an answer."""


class BrokenOffError(ConnectionResetError):
    """The script wants the connection closed in the middle of things."""


class Slots:
    """TGI's concurrency limit: a free slot or a refusal, never a queue."""

    def __init__(self, size: int) -> None:
        self._free = threading.Semaphore(size)

    @contextmanager
    def one(self) -> Iterator[None]:
        """Occupies a slot.

        Raises:
            TgiFailure: if none is free.
        """
        if not self._free.acquire(blocking=False):
            raise overloaded()
        try:
            yield
        finally:
            self._free.release()


class Exchange:
    """What a route needs to know about the call it answers."""

    def __init__(
        self,
        request: Request,
        recorded: Recorded,
        behaviour: Behaviour,
        script: Script,
        settings: Settings,
        meters: Meters,
    ) -> None:
        self.behaviour = behaviour
        self.settings = settings
        self._recorded = recorded
        self._script = script
        self._gate = script.gate
        self._meters = meters
        self._began = time.monotonic()
        self._socket: socket.socket | None = request.environ.get("werkzeug.socket")

    def begin(self) -> None:
        """Goes through the silence that the script asks for before an answer.

        Raises:
            CallerGoneError: if the caller left meanwhile.
            BrokenOffError: if the connection is to be dropped.
        """
        self.pause(self.behaviour.delay)
        if self.behaviour.hold:
            self.hold()
        if self.behaviour.drop:
            raise BrokenOffError("dropped as scripted")

    def pause(self, seconds: float) -> None:
        """Waits while watching the caller.

        Raises:
            CallerGoneError: if the caller leaves.
        """
        self._wait(time.monotonic() + seconds)

    def hold(self) -> None:
        """Waits until the script releases this call, or the caller leaves.

        Raises:
            CallerGoneError: if the caller leaves.
        """
        self._wait(None)

    def delay_before(self, position: int) -> float:
        """Returns the seconds of silence before the token at a position, counted from 0."""
        each = self.behaviour.token_delay
        each = self.settings.token_delay if each is None else each
        return each + (self.settings.first_token_delay if position == 0 else 0.0)

    def sent_token(self) -> None:
        def count() -> None:
            self._recorded.tokens_sent += 1

        self._script.notify(count)

    def succeeded(self, generation: Generation, parameters: Parameters) -> None:
        """Puts an answer on the server's meters."""
        left = self.settings.max_total_tokens - generation.input_length
        self._meters.succeeded(
            seconds=time.monotonic() - self._began,
            input_length=generation.input_length,
            generated=len(generation.best.tokens),
            budget=parameters.max_new_tokens or left,
        )

    def failed(self, failure: TgiFailure) -> None:
        """Puts a failure inside a stream on the server's meters."""
        self._meters.failed(failure.error_type)
        if failure.error_type == "generation":
            self._script.generation_broke()

    def _wait(self, until: float | None) -> None:
        while until is None or time.monotonic() < until:
            remaining = _POLL_INTERVAL if until is None else until - time.monotonic()
            if self._gate.wait(max(0.0, min(_POLL_INTERVAL, remaining))) and until is None:
                return
            if self._caller_gone():
                raise CallerGoneError("the caller disconnected")

    def _caller_gone(self) -> bool:
        if self._socket is None:
            return False
        readable, _, _ = select.select([self._socket], [], [], 0)
        try:
            return bool(readable) and self._socket.recv(1, socket.MSG_PEEK) == b""
        except OSError:
            return True
