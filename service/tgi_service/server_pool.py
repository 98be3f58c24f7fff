"""Several servers as one."""

import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from tgi_service.backend import Backend, Generated, StreamItem
from tgi_service.call import Cancellation
from tgi_service.errors import InfernetMLException, TgiInvalidInputError

PENALTY = 10.0
"""Seconds for which a server is passed over after a failure."""


class ServerPool:
    """Takes turns between servers, passing over one that failed just now.

    If all did, the one whose failure is longest ago has its turn. That a server refuses an
    input is no failure: the others would refuse it as well.

    Args:
        servers: at least one.
        now: seconds of a clock that never goes back.
    """

    def __init__(
        self, servers: Sequence[Backend], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._servers = list(servers)
        self._now = now
        self._lock = threading.Lock()
        self._next = 0
        self._failed_at: dict[int, float] = {}
        self.not_for_prompts = servers[0].not_for_prompts
        self.not_for_streams = servers[0].not_for_streams
        self.not_for_chats = servers[0].not_for_chats

    def generate(
        self, prompt: str, parameters: Mapping[str, Any], cancellation: Cancellation
    ) -> Generated:
        """Asks one server for a whole answer; see :meth:`Backend.generate`."""
        with self._turn() as server:
            return server.generate(prompt, parameters, cancellation)

    def stream(
        self, prompt: str, parameters: Mapping[str, Any], cancellation: Cancellation
    ) -> Generator[StreamItem, None, None]:
        """Asks one server for an answer token by token; see :meth:`Backend.stream`."""
        with self._turn() as server:
            yield from server.stream(prompt, parameters, cancellation)

    def chat(
        self,
        messages: Sequence[Mapping[str, Any]],
        parameters: Mapping[str, Any],
        cancellation: Cancellation,
    ) -> Generated:
        """Has one server continue a chat; see :meth:`Backend.chat`."""
        with self._turn() as server:
            return server.chat(messages, parameters, cancellation)

    def stream_chat(
        self,
        messages: Sequence[Mapping[str, Any]],
        parameters: Mapping[str, Any],
        cancellation: Cancellation,
    ) -> Generator[StreamItem, None, None]:
        """Has one server continue a chat token by token; see :meth:`Backend.stream_chat`."""
        with self._turn() as server:
            yield from server.stream_chat(messages, parameters, cancellation)

    def is_healthy(self, cancellation: Cancellation) -> bool:
        """Tells whether any server is ready.

        Raises:
            InfernetMLException: if none is, and the last one does not answer.
        """
        *others, last = self._servers
        for server in others:
            try:
                if server.is_healthy(cancellation):
                    return True
            except InfernetMLException:
                continue  # the next one may be: one is enough
        return last.is_healthy(cancellation)

    def model_id(self, cancellation: Cancellation) -> str:
        """Returns the name of the model on the server whose turn it is."""
        with self._turn() as server:
            return server.model_id(cancellation)

    def close(self) -> None:
        """Closes the connections to all of them; see :meth:`Backend.close`."""
        for server in self._servers:
            server.close()

    @contextmanager
    def _turn(self) -> Iterator[Backend]:
        index = self._choose()
        try:
            yield self._servers[index]
        except TgiInvalidInputError:
            raise
        except InfernetMLException:
            with self._lock:
                self._failed_at[index] = self._now()
            raise

    def _choose(self) -> int:
        count = len(self._servers)
        with self._lock:
            now = self._now()
            turns = [(self._next + offset) % count for offset in range(count)]
            fit = [turn for turn in turns if not self._failed_within(turn, now - PENALTY)]
            index = fit[0] if fit else min(turns, key=lambda turn: self._failed_at[turn])
            self._next = (index + 1) % count
            return index

    def _failed_within(self, index: int, since: float) -> bool:
        failed_at = self._failed_at.get(index)
        return failed_at is not None and failed_at > since
