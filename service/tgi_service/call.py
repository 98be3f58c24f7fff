"""One job's way to TGI: what may end it early, and what it cost.

The hooks of a workflow take a prompt and nothing else. What belongs to the job and not to
the prompt travels beside them in the current context, where :func:`current_call` finds it.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from tgi_service.errors import ServiceException, TgiTimeoutError


class Clock:
    """Time as a job sees it; tests put another in its place."""

    def now(self) -> float:
        """Returns the seconds of a clock that never goes back."""
        return time.monotonic()

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Waits for an event, ``seconds`` at most; true if it happened."""
        return event.wait(min(seconds, threading.TIMEOUT_MAX))


class Cancellation:
    """Ends a job from another thread: its waits at once, its request to TGI by force.

    Args:
        limit: seconds that the job may take in all, from now; ``None`` for no limit.
    """

    def __init__(self, clock: Clock | None = None, limit: float | None = None) -> None:
        self._clock = clock or Clock()
        self._limit = limit
        self._deadline = None if limit is None else self._clock.now() + limit
        self._lock = threading.Lock()
        self._waits_over = threading.Event()
        self._reason: ServiceException | None = None
        self._break_connection: Callable[[], None] | None = None

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the job's limit, or ``None`` if it has none."""
        return None if self._deadline is None else max(0.0, self._deadline - self._clock.now())

    def cancel(self, reason: ServiceException) -> None:
        """Ends the job with this error, wherever it is."""
        with self._lock:
            if self._reason is None:
                self._reason = reason
            if self._break_connection is not None:
                self._break_connection()
        self._waits_over.set()

    def end_waits(self) -> None:
        """Ends the present wait and refuses later ones; a request under way goes on."""
        self._waits_over.set()

    def enforce_limit(self) -> None:
        """Cancels the job if its time is up."""
        if self.seconds_left == 0.0:
            self.cancel(TgiTimeoutError(f"no answer within the job's {self._limit:g} s"))

    def pause(self, seconds: float) -> bool:
        """Waits between two attempts.

        Returns:
            False if the wait would have crossed the limit, or was cut short.

        Raises:
            ServiceException: the reason, if the job was cancelled.
        """
        left = self.seconds_left
        if left is not None and seconds >= left:
            return False
        cut_short = self._clock.wait(self._waits_over, seconds)
        self.raise_if_cancelled()
        return not cut_short

    def raise_if_cancelled(self) -> None:
        """Raises the reason if the job was cancelled.

        Raises:
            ServiceException: the reason.
        """
        with self._lock:
            if self._reason is not None:
                raise self._reason

    def connected(self, break_connection: Callable[[], None]) -> None:
        """Takes note of how to break the connection that has just been made.

        Raises:
            ServiceException: the reason, if the job was cancelled before.
        """
        with self._lock:
            if self._reason is not None:
                raise self._reason
            self._break_connection = break_connection

    def disconnected(self) -> None:
        """Forgets the connection: it is closed, or about to be."""
        with self._lock:
            self._break_connection = None


@dataclass
class Call:
    """What belongs to one job besides its prompt.

    Attributes:
        parameters: generation parameters of this job, over the configured ones; ``None``
            as a value takes the configured one away.
        messages: a chat to continue, instead of a prompt.
        attempts: requests sent to TGI so far.
        tgi_seconds: time spent waiting for TGI, without the waits between attempts.
        details: what TGI reports about the answer, if anything.
        failures: names of the errors that requests to TGI ended with, one for each.
    """

    cancellation: Cancellation = field(default_factory=Cancellation)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    messages: tuple[Mapping[str, Any], ...] = ()
    attempts: int = 0
    tgi_seconds: float = 0.0
    details: dict[str, Any] | None = None
    failures: list[str] = field(default_factory=list)

    @property
    def generated_tokens(self) -> int | None:
        """Number of tokens of the answer, where TGI has reported it."""
        count = (self.details or {}).get("generated_tokens")
        return count if isinstance(count, int) else None

    @contextmanager
    def current(self) -> Iterator[None]:
        """Makes this the call that hooks of the workflow see."""
        token = _CURRENT.set(self)
        try:
            yield
        finally:
            _CURRENT.reset(token)


_CURRENT: ContextVar[Call] = ContextVar("tgi_call")


def current_call() -> Call:
    """Returns the call under way, or a fresh one that nothing ends early."""
    return _CURRENT.get(None) or Call()
