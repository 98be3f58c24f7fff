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


@contextmanager
def mining(url: str, every: float = BLOCK_SECONDS) -> Iterator[None]:
    """Mines a block every so many seconds while the block runs."""
    over = threading.Event()
    anvil = Anvil(url)

    def work() -> None:
        while not over.wait(every):
            anvil.mine()

    thread = threading.Thread(target=work, name="test-miner", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        anvil.close()
