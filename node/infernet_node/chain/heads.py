"""New blocks told over WebSocket: a reason to look, never the news itself.

Sockets go quiet in many ways: servers close them, proxies cut them, subscriptions stop while
the connection lives. So nothing depends on them. A head that is told makes the node look
sooner; while every head that it finds was told, it looks on its own less often.
"""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Any

import aiohttp
import structlog

from infernet_node.chain.metrics import ChainMetrics
from infernet_node.chain.rpc import label

log = structlog.get_logger(__name__)

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0
_PING = 20.0
"""Seconds; keeps proxies from cutting an idle connection, and notices a dead one."""
_PATIENCE = 10.0
"""Seconds for which heads may come untold before the connection is given up."""
_RELAXED = 10
"""How many times longer the node waits while it is told of every head, ..."""
_MOST_RELAXED = 5.0
"""... and the most, in seconds."""
_SUBSCRIBE = {"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["newHeads"]}


class HeadsError(Exception):
    """A connection brings no heads; the text says why."""


class Heads:
    """Waits for the next block, with the help of a WebSocket where there is one.

    Args:
        urls: ``ws`` and ``wss`` endpoints of the chain; without any, waiting is all.
        patience: seconds for which heads may come untold before the connection is given up.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        urls: Sequence[str],
        metrics: ChainMetrics | None = None,
        *,
        patience: float = _PATIENCE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._urls = urls
        self._metrics = metrics or ChainMetrics()
        self._patience = patience
        self._clock = clock
        self._wake = asyncio.Event()
        self._told: int | None = None
        """Number of the last head told over the present connection."""
        self._found = -1
        """Number of the last head that the node saw for itself."""
        self._untold_since: float | None = None
        self._listening: asyncio.Task[None] | None = None

    async def wait(self, period: float) -> None:
        """Returns when a head was told, or it is time to look anyway.

        Args:
            period: seconds between two looks where nothing is told.
        """
        try:
            async with asyncio.timeout(self.pause(period)):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    def found(self, number: int) -> None:
        """The node sees a new head, which the connection should have told of, or will."""
        self._found = number
        if self._told is None or self._told >= number:
            self._untold_since = None
        elif self._untold_since is None:
            self._untold_since = self._clock()
        elif self._listening and self._clock() - self._untold_since >= self._patience:
            log.warning("Heads have stopped coming", told=self._told, found=number)
            self._listening.cancel()

    @property
    def reliable(self) -> bool:
        """Whether the newest head that the node knows was told."""
        return self._told is not None and self._told == self._found

    async def run(self) -> None:
        """Stays connected until cancelled."""
        pause = _FIRST_PAUSE
        for url in cycle(self._urls):
            self._listening = asyncio.create_task(self._listen(url))
            try:
                await asyncio.wait([self._listening])
            finally:
                self._listening.cancel()
                await asyncio.wait([self._listening])
            if self._told is not None:
                pause = _FIRST_PAUSE
            self._told = self._untold_since = None
            log.info("No heads", endpoint=label(url), reason=_reason(self._listening), again=pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def pause(self, period: float) -> float:
        """Returns the most that :meth:`wait` waits now, in seconds."""
        relaxed = min(period * _RELAXED, _MOST_RELAXED)
        return max(relaxed, period) if self.reliable else period

    async def _listen(self, url: str) -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(url, heartbeat=_PING, timeout=_CLOSE) as socket,
        ):
            await socket.send_json(_SUBSCRIBE)
            async for message in socket:
                if message.type is not aiohttp.WSMsgType.TEXT:
                    raise HeadsError("the endpoint sent something else than text")
                self._hear(_head(message.data))
        raise HeadsError("the endpoint closed the connection")

    def _hear(self, number: int | None) -> None:
        if number is None:
            return
        self._told = number
        if number >= self._found:
            self._untold_since = None
        self._metrics.heads_told.inc()
        self._wake.set()


_CLOSE = aiohttp.ClientWSTimeout(ws_close=1.0)


def _head(text: str) -> int | None:
    """Returns the number of the head that a message tells of, ``None`` for the confirmation.

    Raises:
        HeadsError: it is neither.
    """
    try:
        message: dict[str, Any] = json.loads(text)
        if message.get("method") == "eth_subscription":
            return int(message["params"]["result"]["number"], 16)
        if "result" in message:
            return None
        raise HeadsError(f"the endpoint tells of no heads: {str(message.get('error'))[:200]}")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise HeadsError("the endpoint sent something else than heads") from None


def _reason(ended: asyncio.Task[None]) -> str:
    """Says why a connection ended, without its URL."""
    error = None if ended.cancelled() else ended.exception()
    if isinstance(error, HeadsError):
        return str(error)
    return type(error).__name__ if error else "given up"
