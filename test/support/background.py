"""Servers of the event loop for tests that have none, and blocks for chains that mine on demand."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import TypeVar

from test.support.anvil import Anvil

T = TypeVar("T")

BLOCK_SECONDS = 0.05
"""Between blocks on the clock; chain time is the test's own matter."""


@contextmanager
def served(server: AbstractAsyncContextManager[T]) -> Iterator[T]:
    """Keeps an asynchronous context manager entered in a thread of its own while the block runs.

    What it gives may be read from the test's thread, and its plain attributes set.
    """
    ready, leave = threading.Event(), asyncio.Event()
    given: list[T] = []
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        try:
            async with server as value:
                given.append(value)
                ready.set()
                await leave.wait()
        finally:
            ready.set()

    def work() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=work, name="test-server", daemon=True)
    thread.start()
    ready.wait()
    assert given, "the server did not start; its thread said why"
    try:
        yield given[0]
    finally:
        loop.call_soon_threadsafe(leave.set)
        thread.join()


class Miner:
    """Mines a block every so many seconds, in a thread of its own."""

    def __init__(self, url: str, every: float) -> None:
        self._anvil = Anvil(url)
        self._every = every
        self._over = threading.Event()
        self._one_block = threading.Lock()
        self._thread = threading.Thread(target=self._work, name="test-miner", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        while not self._over.wait(self._every):
            with self._one_block:
                self._anvil.mine()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """No block comes while this lasts: what is sent stays in the pool."""
        with self._one_block:
            yield

    def stop(self) -> None:
        self._over.set()
        self._thread.join()
        self._anvil.close()


@contextmanager
def mining(url: str, every: float = BLOCK_SECONDS) -> Iterator[Miner]:
    """Lets blocks come while the block lasts."""
    miner = Miner(url, every)
    try:
        yield miner
    finally:
        miner.stop()
