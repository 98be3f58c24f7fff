"""A proxy in front of a JSON-RPC endpoint that fails on command."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

import aiohttp
from aiohttp import web


class Fault(Enum):
    """How the endpoint fails."""

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
    LOST_ANSWER = auto()
    """The request is carried out, and the answer to it does not arrive."""
    STALE = auto()
    """The head stays where it is."""


@dataclass
class FaultyRpc:
    """Forwards requests, unless a fault is set."""

    upstream: str
    fault: Fault | None = None
    batches: int = 0
    """Batches of JSON-RPC requests so far; single requests do not count."""
    failed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a request has met the fault."""
    url: str = ""
    _stale: bytes | None = None

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        document = json.loads(body)
        self.batches += isinstance(document, list)
        fault = self.fault
        if fault is not None:
            self.failed.set()
        match fault:
            case Fault.RESET:
                return _cut(request)
            case Fault.RATE_LIMIT:
                return web.Response(status=429, text="slow down")
            case Fault.SERVER_ERROR:
                return web.Response(status=500, text="<html>oops</html>")
            case Fault.MALFORMED:
                return web.Response(text='{"jsonrpc": "2.0", "id": 0, "resu')
            case Fault.ERROR_OBJECT:
                return web.json_response(_errors(document))
            case Fault.LOST_ANSWER:
                await self._forward(body)
                return _cut(request)
            case Fault.STALE if _asks_for_head(document):
                self._stale = self._stale or await self._forward(body)
                return web.Response(body=self._stale, content_type="application/json")
        return web.Response(body=await self._forward(body), content_type="application/json")

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


def _errors(document: Any) -> Any:
    if isinstance(document, list):
        return [_errors(single) for single in document]
    error = {"code": -32603, "message": "Internal error"}
    return {"jsonrpc": "2.0", "id": document["id"], "error": error}


def _asks_for_head(document: Any) -> bool:
    return isinstance(document, dict) and document["method"] == "eth_getBlockByNumber"


@asynccontextmanager
async def faulty_rpc(upstream: str) -> AsyncIterator[FaultyRpc]:
    """Serves a proxy on a free port while the block lasts."""
    proxy = FaultyRpc(upstream)
    application = web.Application(client_max_size=2**26)
    application.router.add_post("/", proxy.answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    proxy.url = f"http://{host}:{port}/"
    try:
        yield proxy
    finally:
        await runner.cleanup()
