"""Scripted misbehaviour, one behaviour per call, and the record of every request."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from test.support.mock_tgi.failures import TgiFailure
from test.support.mock_tgi.failures import overloaded as overloaded_failure
from test.support.mock_tgi.tokens import END_OF_SEQUENCE, Token, tokenize


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How one call of a generating route goes; all defaults together mean "as usual"."""

    status: int | None = None
    """Answer with this status and ``body`` instead of generating."""
    body: Any = ""
    """JSON value, or text: sent as ``text/html`` when it starts with ``<``, else plain."""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    """Seconds of silence before anything else."""
    hold: bool = False
    """Wait for ``MockTGI.release()`` or the caller's departure before anything else."""
    drop: bool = False
    """Close the connection without an answer."""
    text: str | None = None
    """Generate this text, then the end of sequence."""
    token_texts: tuple[str, ...] | None = None
    """Generate these tokens; ``<…>`` in angle brackets are special ones."""
    token_delay: float | None = None
    after: int | None = None
    """In a stream, number of tokens before ``then`` happens."""
    then: Literal["error", "end", "reset", "hold"] = "end"
    """``error``: the event ``event``, then the end; ``end``: a clean end without the final
    event; ``reset``: a broken transfer; ``hold``: silence until released, then go on."""
    event: Mapping[str, Any] = field(
        default_factory=lambda: TgiFailure(
            "generation", "Request failed during generation: out of memory"
        ).as_json()
    )

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Behaviour":
        """Reads a behaviour sent to the control route.

        Raises:
            ValueError: if it has an unknown field.
        """
        unknown = set(value) - {spec.name for spec in fields(cls)}
        if unknown:
            raise ValueError(f"unknown behaviour field {sorted(unknown)[0]!r}")
        token_texts = value.get("token_texts")
        return cls(
            **{**value, "token_texts": tuple(token_texts) if token_texts is not None else None}
        )

    @property
    def breaks_generation(self) -> bool:
        """Whether this is TGI's "generation failed", as an answer or inside a stream."""
        in_stream = self.after is not None and self.then == "error"
        content = self.event if in_stream else self.body
        return isinstance(content, Mapping) and content.get("error_type") == "generation"

    def answer(self) -> list[Token] | None:
        """Returns the scripted tokens, or ``None`` to let the model compose."""
        if self.text is not None:
            return [*tokenize(self.text), END_OF_SEQUENCE]
        if self.token_texts is None:
            return None
        return [
            Token(position + 3, text, -0.5, special=text.startswith("<") and text.endswith(">"))
            for position, text in enumerate(self.token_texts)
        ]


AS_USUAL = Behaviour()


def overloaded() -> Behaviour:
    """TGI's own refusal when all slots are taken."""
    failure = overloaded_failure()
    return Behaviour(status=failure.status, body=failure.as_json())


@dataclass(eq=False)
class Recorded:
    """One request as it arrived, and what became of it."""

    method: str
    path: str
    headers: Mapping[str, str]
    """With lower-case names."""
    body: bytes
    json: Any
    caller_port: int = 0
    """TCP port of the caller: the same for requests on one connection."""
    at: float = field(default_factory=time.monotonic)
    """Seconds of the monotonic clock."""
    finished: bool = False
    disconnected: bool = False
    """The caller left before the answer was complete."""
    tokens_sent: int = 0

    def as_json(self) -> dict[str, Any]:
        return {
            "method": self.method,
            "path": self.path,
            "headers": dict(self.headers),
            "json": self.json,
            "at": self.at,
            "finished": self.finished,
            "disconnected": self.disconnected,
            "tokens_sent": self.tokens_sent,
        }


class Script:
    """Behaviours still to come, requests already seen, and a gate for those on hold."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._coming: deque[Behaviour] = deque()
        self._standing = AS_USUAL
        self.requests: list[Recorded] = []
        self.healthy = True
        """Whether the operator wants it to look healthy."""
        self._broken = False
        self.gate = threading.Event()

    def generation_broke(self) -> None:
        """Takes note of a generation that failed: health checks try one from now on."""
        with self._changed:
            self._broken = True

    def check_health(self) -> bool:
        """Returns whether TGI is healthy; after a failure, whether generating would succeed."""
        with self._changed:
            self._broken = self._broken and self._standing.breaks_generation
            return self.healthy and not self._broken

    def extend(self, behaviours: Iterable[Behaviour]) -> None:
        """Appends behaviours for the next calls, in order."""
        with self._changed:
            self._coming.extend(behaviours)

    def always(self, behaviour: Behaviour) -> None:
        """Sets what happens when no behaviour is left."""
        with self._changed:
            self._standing = behaviour

    def next(self) -> Behaviour:
        """Takes the behaviour of the call that begins."""
        with self._changed:
            return self._coming.popleft() if self._coming else self._standing

    def record(self, request: Recorded) -> None:
        self.notify(lambda: self.requests.append(request))

    def notify(self, change: Callable[[], object]) -> None:
        """Makes a change and wakes those who wait for one."""
        with self._changed:
            change()
            self._changed.notify_all()

    def wait_for(self, condition: Callable[[], bool], timeout: float) -> None:
        """Blocks until the condition holds.

        Raises:
            TimeoutError: if it does not within ``timeout`` seconds.
        """
        with self._changed:
            if not self._changed.wait_for(condition, timeout):
                raise TimeoutError(f"not so within {timeout:g} s; requests: {self.requests}")

    def reset(self) -> None:
        """Forgets behaviours and requests, and lets those on hold go."""
        with self._changed:
            self._coming.clear()
            self._standing = AS_USUAL
            self.healthy = True
            self._broken = False
            self.requests.clear()
        self.release()

    def release(self) -> None:
        """Lets every call that is on hold go on; later ones are held again."""
        self.gate.set()
        self.gate = threading.Event()
