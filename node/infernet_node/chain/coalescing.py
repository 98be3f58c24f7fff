"""Requests of many callers in few HTTP requests."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from infernet_node.chain.requests import MAX_BATCH, Request
from infernet_node.chain.rpc_errors import TransportError

MAX_BYTES = 2**20
"""Of one body made of several callers' requests; common providers refuse five times that."""
_IN_FLIGHT = 4
"""Bodies at the same time; what is asked meanwhile is gathered for the next one."""
_FAILURES_TO_BELIEVE = 2
_CLOSED = TransportError("given up, as the connection was closed")

Ask = Callable[[Sequence[Request]], Awaitable[list[Any]]]


@dataclass(frozen=True, slots=True)
class _Question:
    requests: Sequence[Request]
    size: int
    """Bytes, as JSON."""
    done: asyncio.Future[list[Any]]

    def answer(self, results: list[Any]) -> None:
        if not self.done.done():  # else its caller was cancelled
            self.done.set_result(results)

    def fail(self, error: BaseException) -> None:
        if not self.done.done():
            # One instance each: a traceback belongs to one raise.
            own = TransportError(str(error)) if isinstance(error, TransportError) else error
            self.done.set_exception(own)


class Coalescer:
    """Asks at once while little is asked, and in common batches while much is.

    What several callers ask in the same words is asked once in a batch.

    Args:
        ask: asks one batch, in one HTTP request.
        isolate: whether a batch that failed is asked again caller by caller, so that a
            question that no endpoint can answer does not take others with it.
    """

    def __init__(self, ask: Ask, *, isolate: bool) -> None:
        self._ask = ask
        self._isolate = isolate
        self._waiting: list[_Question] = []
        self._in_flight: set[asyncio.Task[None]] = set()

    async def ask(self, requests: Sequence[Request]) -> list[Any]:
        """Returns the results of a caller's requests, in order.

        Raises:
            TransportError: there was no answer, or the connection was closed.
        """
        loop = asyncio.get_running_loop()
        size = sum(_size(request.params) for request in requests)
        question = _Question(requests, size, loop.create_future())
        self._waiting.append(question)
        # Whoever else asks in this round of the loop comes along.
        loop.call_soon(self._set_off)
        return await question.done

    async def close(self) -> None:
        """Gives up what is being asked, and what waits for its turn."""
        tasks, waiting, self._waiting = list(self._in_flight), self._waiting, []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        _fail(waiting, _CLOSED)

    def _set_off(self) -> None:
        while self._waiting and len(self._in_flight) < _IN_FLIGHT:
            group = self._next_group()
            task = asyncio.create_task(self._carry(group))
            self._in_flight.add(task)
            task.add_done_callback(partial(self._arrived, group))

    def _arrived(self, group: Sequence[_Question], task: asyncio.Task[None]) -> None:
        self._in_flight.discard(task)
        # Nobody awaits the task: whatever ended it, who asked has to hear of it.
        if failure := _CLOSED if task.cancelled() else task.exception():
            _fail(group, failure)
        self._set_off()

    def _next_group(self) -> list[_Question]:
        count = size = taken = 0
        for question in self._waiting:
            count, size = count + len(question.requests), size + question.size
            if taken and (count > MAX_BATCH or size > MAX_BYTES):
                break
            taken += 1
        group, self._waiting = self._waiting[:taken], self._waiting[taken:]
        return group

    async def _carry(self, group: Sequence[_Question]) -> None:
        failure = await self._try(group)
        if failure is None:
            return
        failures = 0 if self._isolate and len(group) > 1 else _FAILURES_TO_BELIEVE
        for question in group:
            if failures < _FAILURES_TO_BELIEVE:
                alone = await self._try([question])
                if alone is None:
                    failures = 0
                    continue
                failures, failure = failures + 1, alone
            question.fail(failure)

    async def _try(self, group: Sequence[_Question]) -> TransportError | None:
        """Answers a group's questions, or returns why there is no answer."""
        distinct, places = _distinct([r for question in group for r in question.requests])
        try:
            results = await self._ask(distinct)
        except TransportError as error:
            return error
        start = 0
        for question in group:
            end = start + len(question.requests)
            question.answer([results[place] for place in places[start:end]])
            start = end
        return None


def _fail(questions: Iterable[_Question], failure: BaseException) -> None:
    for question in questions:
        question.fail(failure)


def _size(value: Any) -> int:
    """Bytes of a value as JSON, or nearly: what is long in a request is text."""
    if isinstance(value, str):
        return len(value) + 4
    if isinstance(value, Mapping):
        return sum(len(key) + 6 + _size(item) for key, item in value.items())
    if isinstance(value, Sequence):
        return sum(_size(item) for item in value)
    return 8


def _distinct(requests: Sequence[Request]) -> tuple[list[Request], list[int]]:
    """Leaves out what is asked already; returns the rest, and the place in it of each request."""
    distinct: list[Request] = []
    known: dict[Request, int] = {}
    places: list[int] = []
    for request in requests:
        try:
            place = known.setdefault(request, len(distinct))
        except TypeError:  # its parameters cannot be looked up, and hardly are anybody else's
            place = len(distinct)
        if place == len(distinct):
            distinct.append(request)
        places.append(place)
    return distinct, places
