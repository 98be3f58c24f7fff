"""A proxy in front of a JSON-RPC endpoint that fails on command."""

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web

LATENCY_SECONDS = 0.5


class Fault(Enum):
    """How the endpoint fails."""

    LATENCY = auto()
    """Every answer is late."""
    REFUSE = auto()
    """Nobody listens; only :meth:`FaultyRpc.begin` can bring that about."""
    RESET = auto()
    """The connection is closed without an answer."""
    RATE_LIMIT = auto()
    """HTTP status 429."""
    SERVER_ERROR = auto()
    """HTTP status 500."""
    MALFORMED = auto()
    """An answer that is not JSON."""
    ERROR_OBJECT = auto()
    """A JSON-RPC error in place of every result."""
    NULL = auto()
    """A null in place of every result."""
    LOST_ANSWER = auto()
    """The request is carried out, and the answer to it does not arrive."""
    STALE = auto()
    """The head stays where it is."""


@dataclass
class FaultyRpc:
    """Forwards requests, unless a fault is set."""

    upstream: str
    fault: Fault | None = None
    only: str = ""
    """Method that meets the fault; empty for all."""
    latency: float = LATENCY_SECONDS
    batches: int = 0
    """Batches of JSON-RPC requests so far; single requests do not count."""
    met: int = 0
    """HTTP requests that have met the present fault."""
    failed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a request has met a fault."""
    url: str = ""
    _stale: bytes | None = None
    _runner: web.AppRunner | None = None
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)

    def begin(self, fault: Fault, only: str = "") -> None:
        """Fails from now on; to be called from another thread than the server's."""
        self._in_loop(self._begin(fault, only))

    def end(self) -> None:
        """Works again; to be called from another thread than the server's."""
        self._in_loop(self._end())

    def _in_loop(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _begin(self, fault: Fault, only: str) -> None:
        self.fault, self.only, self.met, self._stale = fault, only, 0, None
        if fault is Fault.REFUSE:
            await self.stop()

    async def _end(self) -> None:
        if self.fault is Fault.REFUSE:
            await self.listen()
        self.fault = None

    async def listen(self) -> None:
        """Takes connections, at the same port as before."""
        application = web.Application(client_max_size=2**26)
        application.router.add_post("/", self.answer)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        port = urlsplit(self.url).port or 0
        await web.TCPSite(self._runner, "127.0.0.1", port, reuse_address=True).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}/"

    async def stop(self) -> None:
        """Takes no connections, and cuts those that there are."""
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        document = json.loads(body)
        self.batches += isinstance(document, list)
        fault = self._met_by(document)
        match fault:
            case Fault.LATENCY:
                await asyncio.sleep(self.latency)
            case Fault.RESET:
                return _cut(request)
            case Fault.RATE_LIMIT:
                return web.Response(status=429, text="slow down")
            case Fault.SERVER_ERROR:
                return web.Response(status=500, text="<html>oops</html>")
            case Fault.MALFORMED:
                return web.Response(text='{"jsonrpc": "2.0", "id": 0, "resu')
            case Fault.ERROR_OBJECT:
                error = {"code": -32603, "message": "Internal error"}
                return web.json_response(_in_place_of_results(document, {"error": error}))
            case Fault.NULL:
                return web.json_response(_in_place_of_results(document, {"result": None}))
            case Fault.LOST_ANSWER:
                await self._forward(body)
                return _cut(request)
            case Fault.STALE:
                self._stale = self._stale or await self._forward(body)
                return web.Response(body=self._stale, content_type="application/json")
        return web.Response(body=await self._forward(body), content_type="application/json")

    def _met_by(self, document: Any) -> Fault | None:
        requests = document if isinstance(document, list) else [document]
        if self.only and self.only not in [request["method"] for request in requests]:
            return None
        if self.fault is None or (self.fault is Fault.STALE and not _asks_for_head(document)):
            return None
        self.met += 1
        self.failed.set()
        return self.fault

    async def _forward(self, body: bytes) -> bytes:
        headers = {"Content-Type": "application/json"}
        async with (
            aiohttp.ClientSession() as session,
            session.post(self.upstream, data=body, headers=headers) as response,
        ):
            return await response.read()


def _cut(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


def _in_place_of_results(document: Any, member: dict[str, Any]) -> Any:
    if isinstance(document, list):
        return [_in_place_of_results(single, member) for single in document]
    return {"jsonrpc": "2.0", "id": document["id"], **member}


def _asks_for_head(document: Any) -> bool:
    return isinstance(document, dict) and document["method"] == "eth_getBlockByNumber"


@asynccontextmanager
async def faulty_rpc(upstream: str) -> AsyncIterator[FaultyRpc]:
    """Serves a proxy on a free port while the block lasts."""
    proxy = FaultyRpc(upstream)
    await proxy.listen()
    try:
        yield proxy
    finally:
        await proxy.stop()
