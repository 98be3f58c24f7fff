"""A container that does what a test tells it to."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def echo(request: web.Request) -> web.StreamResponse:
    """Answers ``{"output": <data>}``, the official services' shape."""
    question = await request.json()
    return web.json_response({"output": question["data"]})


def answering(
    body: Any = None, *, status: int = 200, text: str | None = None, content_type: str = ""
) -> Answer:
    """Always gives the same answer: JSON of ``body``, or ``text`` as it is."""
    content_type = content_type or ("application/json" if text is None else "text/plain")
    payload = json.dumps(body) if text is None else text

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(text=payload, status=status, content_type=content_type)

    return answer


def streaming(*pieces: bytes, fail: bool = False) -> Answer:
    """Sends pieces one by one; with ``fail``, breaks the connection off after the last one."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
        if fail:
            assert request.transport is not None
            request.transport.abort()
        return response

    return answer


class Hold:
    """An answer that waits until it is let go, whoever asks."""

    def __init__(self) -> None:
        self.waiting = 0
        self.left = 0
        self._go = asyncio.Event()

    def let_go(self) -> None:
        self._go.set()

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.waiting += 1
        try:
            await self._go.wait()
        except asyncio.CancelledError:
            self.left += 1
            raise
        return await echo(request)


@dataclass
class ScriptedContainer:
    """Records what it is asked, and answers as ``answer`` says, which tests replace freely."""

    answer: Answer = echo
    resources: Answer = field(default_factory=lambda: answering({"service_id": "scripted"}))
    questions: list[Any] = field(default_factory=list)
    """Bodies of ``POST /service_output`` in order of arrival."""
    headers: list[dict[str, str]] = field(default_factory=list)
    queries: list[str] = field(default_factory=list)
    """Query strings of ``GET /service-resources``."""
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a question has arrived."""
    port: int = 0
    """Filled in once it listens, unless one is given."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @asynccontextmanager
    async def serve(self) -> AsyncIterator["ScriptedContainer"]:
        """Listens on a free port while the block runs."""
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_post("/service_output", self._service_output)
        app.router.add_get("/service-resources", self._service_resources)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self.port)
        await site.start()
        self.port = runner.addresses[0][1]
        try:
            yield self
        finally:
            await runner.cleanup()

    async def _service_output(self, request: web.Request) -> web.StreamResponse:
        self.questions.append(json.loads(await request.read()))
        self.headers.append(dict(request.headers))
        self.asked.set()
        return await self.answer(request)

    async def _service_resources(self, request: web.Request) -> web.StreamResponse:
        self.queries.append(request.query_string)
        self.headers.append(dict(request.headers))
        return await self.resources(request)


def numbers(container: ScriptedContainer) -> Counter[int]:
    """Counts the questions by the ``n`` of their data."""
    return Counter(question["data"]["n"] for question in container.questions)
