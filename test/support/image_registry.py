"""An image registry with one image, for those who know the password."""

import base64
import hashlib
import json
import platform
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG = "application/vnd.docker.container.image.v1+json"
_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


@dataclass
class ImageRegistry:
    """Serves the pull half of the registry protocol, version 2."""

    username: str
    password: str
    name: str
    """Of the image, without registry and tag."""
    layer: bytes = field(repr=False)
    """A tar file: all that is in the image."""
    entrypoint: list[str]
    pulls: int = 0
    """Manifests handed out."""
    refused: int = 0
    """Requests without the right credentials."""
    port: int = 0

    @property
    def image(self) -> str:
        return f"127.0.0.1:{self.port}/{self.name}:1"

    @asynccontextmanager
    async def serve(self) -> AsyncIterator["ImageRegistry"]:
        app = web.Application(middlewares=[self._guard])
        app.router.add_get("/v2/", self._version)
        app.router.add_get(f"/v2/{self.name}/manifests/{{reference}}", self._serve_manifest)
        app.router.add_get(f"/v2/{self.name}/blobs/{{digest}}", self._serve_blob)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.port = runner.addresses[0][1]
        try:
            yield self
        finally:
            await runner.cleanup()

    @property
    def _config(self) -> bytes:
        machine = platform.machine()
        return json.dumps(
            {
                "architecture": _ARCHITECTURES.get(machine, machine),
                "os": "linux",
                "config": {"Entrypoint": self.entrypoint, "Env": ["PATH=/bin"]},
                "rootfs": {"type": "layers", "diff_ids": [_digest(self.layer)]},
            }
        ).encode()

    @property
    def _manifest(self) -> bytes:
        return json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": _MANIFEST,
                "config": _described(self._config, _CONFIG),
                "layers": [_described(self.layer, _LAYER)],
            }
        ).encode()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        pair = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        if request.headers.get("Authorization") == f"Basic {pair}":
            answer: web.StreamResponse = await handler(request)
            return answer
        self.refused += 1
        challenge = {"WWW-Authenticate": 'Basic realm="test"'}
        refusal = {"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}
        return web.json_response(refusal, status=401, headers=challenge)

    async def _version(self, _request: web.Request) -> web.Response:
        return web.json_response({}, headers={"Docker-Distribution-Api-Version": "registry/2.0"})

    async def _serve_manifest(self, request: web.Request) -> web.Response:
        manifest = self._manifest
        if request.match_info["reference"] not in ("1", _digest(manifest)):
            raise web.HTTPNotFound
        self.pulls += 1
        headers = {"Docker-Content-Digest": _digest(manifest)}
        return web.Response(body=manifest, content_type=_MANIFEST, headers=headers)

    async def _serve_blob(self, request: web.Request) -> web.Response:
        blobs = {_digest(blob): blob for blob in (self._config, self.layer)}
        blob = blobs.get(request.match_info["digest"])
        if blob is None:
            raise web.HTTPNotFound
        return web.Response(body=blob)


def _described(blob: bytes, media_type: str) -> dict[str, Any]:
    return {"mediaType": media_type, "size": len(blob), "digest": _digest(blob)}


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"
