"""A Docker Engine that keeps containers on paper only."""

import asyncio
import base64
import json
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

SUBNET = "172.17.0.0/16"
GATEWAY = "172.17.0.1"


@dataclass
class PaperContainer:
    """What the engine knows of a container."""

    request: dict[str, Any]
    """Body of its creation."""
    running: bool = False
    began: int = 0
    """Times it was started."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class FakeDockerEngine:
    """Answers the requests that a node makes; tests look at ``containers`` and ``calls``."""

    socket: Path
    images: set[str] = field(default_factory=set)
    """Full names of the images on this machine."""
    registry: set[str] = field(default_factory=set)
    """Full names of those that can be pulled."""
    containers: dict[str, PaperContainer] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    """Changes in order, e.g. ``"start one"``."""
    started: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once any container was started."""
    dies_at_once: bool = False
    """Whether what is started ends again by itself."""
    reads: list[str] = field(default_factory=list)
    """Paths of logs that were asked for."""
    output: bytes = b"ready\n"
    """What each container prints when it starts."""
    credentials: list[dict[str, str] | None] = field(default_factory=list)
    """Of each pull."""
    bridge: dict[str, str] = field(default_factory=lambda: {"Subnet": SUBNET, "Gateway": GATEWAY})
    """Addresses of the default network."""

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    @asynccontextmanager
    async def serve(self) -> AsyncIterator["FakeDockerEngine"]:
        app = web.Application()
        app.router.add_get("/version", self._version)
        app.router.add_get("/{v}/version", self._version)
        app.router.add_post("/{v}/images/create", self._pull)
        app.router.add_get("/{v}/images/{name:.+}/json", self._image)
        app.router.add_post("/{v}/containers/create", self._create)
        app.router.add_get("/{v}/containers/{name}/json", self._inspect)
        app.router.add_post("/{v}/containers/{name}/start", self._start)
        app.router.add_post("/{v}/containers/{name}/stop", self._stop)
        app.router.add_post("/{v}/containers/{name}/wait", self._wait)
        app.router.add_get("/{v}/containers/{name}/logs", self._logs)
        app.router.add_delete("/{v}/containers/{name}", self._remove)
        app.router.add_get("/{v}/networks/bridge", self._bridge)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        await web.UnixSite(runner, self.socket).start()
        try:
            yield self
        finally:
            await runner.cleanup()

    def end(self, name: str) -> None:
        """Lets a container die."""
        self.containers[name].running = False
        self.containers[name].ended.set()

    async def _version(self, _request: web.Request) -> web.Response:
        return web.json_response({"ApiVersion": "1.41"})

    async def _pull(self, request: web.Request) -> web.Response:
        header = request.headers.get("X-Registry-Auth")
        self.credentials.append(json.loads(base64.urlsafe_b64decode(header)) if header else None)
        image = request.query["fromImage"]
        if image not in self.registry:
            return web.json_response({"message": "pull access denied"}, status=404)
        self.images.add(image)
        return web.Response(text='{"status": "done"}\n')

    async def _image(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        return web.json_response({"Id": name}, status=200 if name in self.images else 404)

    async def _create(self, request: web.Request) -> web.Response:
        name = request.query["name"]
        self.calls.append(f"create {name}")
        self.containers[name] = PaperContainer(await request.json())
        return web.json_response({"Id": name, "Warnings": []}, status=201)

    async def _inspect(self, request: web.Request) -> web.Response:
        container = self.containers.get(request.match_info["name"])
        if container is None:
            return web.json_response({"message": "No such container"}, status=404)
        return web.json_response(
            {
                "State": {"Running": container.running, **_times_of(container)},
                "Config": {"Labels": container.request.get("Labels"), "Tty": False},
                "HostConfig": container.request["HostConfig"],
            }
        )

    async def _start(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        self.calls.append(f"start {name}")
        self.started.set()
        self.containers[name].running = True
        self.containers[name].began += 1
        self.containers[name].ended.clear()
        if self.dies_at_once:
            self.end(name)
        return web.Response(status=204)

    async def _stop(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        self.calls.append(f"stop {name}")
        self.end(name)
        return web.Response(status=204)

    async def _wait(self, request: web.Request) -> web.Response:
        await self.containers[request.match_info["name"]].ended.wait()
        return web.json_response({"StatusCode": 1})

    async def _logs(self, request: web.Request) -> web.StreamResponse:
        self.reads.append(request.path)
        container = self.containers[request.match_info["name"]]
        response = web.StreamResponse()
        await response.prepare(request)
        if request.query.get("tail") != "0":
            # One frame: standard output, and a length.
            await response.write(struct.pack(">BxxxL", 1, len(self.output)) + self.output)
        await container.ended.wait()
        return response

    async def _remove(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        self.calls.append(f"remove {name}")
        del self.containers[name]
        return web.Response(status=204)

    async def _bridge(self, _request: web.Request) -> web.Response:
        return web.json_response({"IPAM": {"Config": [self.bridge]}})


def _times_of(container: PaperContainer) -> dict[str, str]:
    return {
        "StartedAt": f"2026-01-01T00:00:{container.began:02}.000000001Z",
        "FinishedAt": "0001-01-01T00:00:00Z",
    }
