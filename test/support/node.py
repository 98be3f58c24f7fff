"""A whole node in this process, on a free port, for as long as a ``with`` block lasts."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp

from infernet_node.api.rate_limit import RateLimiter
from infernet_node.api.services import ChainAccess, Services
from infernet_node.assembly import assemble
from infernet_node.chain.history import SubscriptionHistory, UnknownSubscriptionError
from infernet_node.chain.income import Income
from infernet_node.config import RateLimitConfig, Role, parse_config
from infernet_node.node import serve
from infernet_node.ports import Command, IntervalState, RejectionError
from infernet_node.server import listen
from infernet_node.supervision import StopRequest
from infernet_protocol.delegation import Signature
from infernet_protocol.hashing import container_id
from infernet_protocol.subscription import Subscription

UNLIMITED = RateLimiter(RateLimitConfig(num_requests=10**9, period=1))


@dataclass
class FakeChain:
    """The chain half, which takes on every delegated subscription unless told otherwise."""

    address: str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
    pending: int = 0
    status: str = "ready"
    rejection: RejectionError | None = None
    accepted: list[tuple[Subscription, Signature, dict[str, Any]]] = field(default_factory=list)

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def close(self) -> None:
        return

    async def history(self, subscription: str, interval: int | None) -> list[SubscriptionHistory]:
        raise UnknownSubscriptionError(f"subscription {subscription} is not known to this node")

    async def income(self) -> list[Income]:
        return [Income("31337/00/0x01", "chat", "0x" + "00" * 20, answers=2, earned=2**200)]

    async def command(self, command: Command, subscription: str, interval: int) -> IntervalState:
        raise UnknownSubscriptionError(f"subscription {subscription} is not known to this node")

    async def accept_delegated(
        self, subscription: Subscription, signature: Signature, data: dict[str, Any]
    ) -> None:
        if self.rejection:
            raise self.rejection
        self.accepted.append((subscription, signature, data))


@dataclass
class NodeUnderTest:
    """A node that answers, and a client for it."""

    url: str
    port: int
    services: Services
    session: aiohttp.ClientSession

    async def get(self, path: str, **query: Any) -> tuple[int, Any]:
        """Returns status and JSON body."""
        async with self.session.get(self.url + path, params=query) as response:
            return response.status, await response.json()

    async def post(self, path: str, body: Any, **headers: str) -> tuple[int, Any]:
        async with self.session.post(self.url + path, json=body, headers=headers) as response:
            return response.status, await response.json()

    async def put(self, path: str, body: Any, **headers: str) -> tuple[int, Any]:
        async with self.session.put(self.url + path, json=body, headers=headers) as response:
            return response.status, await response.json()

    async def submit(self, *containers: str, **data: Any) -> str:
        """Posts a job and returns its id."""
        status, body = await self.post("/api/jobs", {"containers": containers, "data": data})
        assert status == 200, body
        return str(body["id"])

    async def result(self, job_id: str) -> dict[str, Any]:
        """Polls until the job is finished, and returns it with intermediate results."""
        while True:
            status, jobs = await self.get("/api/jobs", id=job_id, intermediate="true")
            assert status == 200, jobs
            if jobs[0]["status"] != "running":
                return dict(jobs[0])
            await asyncio.sleep(0.002)


@asynccontextmanager
async def running_node(
    config: Mapping[str, Any],
    directory: Path,
    *,
    chain: FakeChain | None = None,
    limiter: RateLimiter = UNLIMITED,
    runtime: str | None = None,
    role: Role = Role.RUN,
) -> AsyncIterator[NodeUnderTest]:
    """Runs a node with its files in ``directory``; no rate limit unless one is given.

    Args:
        chain: wired in as the chain half; its containers are looked up by the hash of one id.
        role: what it does of a node's work.
    """
    document = {
        "log": {"path": str(directory / "node.log")},
        **config,
        "server": {"host": "127.0.0.1", "port": 0, **config.get("server", {})},
    }
    settings = parse_config(document, {}, role=role).config
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(listen(settings.server))
        services = await assemble(settings, runtime, stack, role)
        if chain:
            pipelines = {container_id(c.id): (c.id,) for c in settings.containers}
            services = replace(services, chain=ChainAccess(chain, pipelines.get))
        port = listener.getsockname()[1]
        stop, listening = StopRequest(), asyncio.Event()
        serving = asyncio.create_task(
            serve(services, limiter, listener, stop, lambda _: listening.set())
        )
        await listening.wait()
        url = f"http://127.0.0.1:{port}"
        try:
            async with aiohttp.ClientSession() as session:
                yield NodeUnderTest(url, port, services, session)
        finally:
            stop()
            await serving
