"""A node and a router that answer in the exact shapes of the real ones, as a test tells them."""

import asyncio
import json
import threading
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from test.support.waiting import SECONDS

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Seen:
    """A request that arrived."""

    method: str
    path_qs: str
    headers: dict[str, str]
    body: Any


@dataclass
class Outcome:
    """What becomes of a job."""

    output: Any = field(default_factory=lambda: {"output": "Yes, and well."})
    error: str | None = None
    running_for: int = 0
    """How many looks find the job still running."""
    intermediate: list[dict[str, Any]] = field(default_factory=list)


class ScriptedNode:
    """Runs in a thread with a loop of its own, so that it serves subprocesses and any loop."""

    def __init__(self) -> None:
        self.healthy = True
        self.outcome = Outcome()
        self.stream: list[bytes] = [b"Yes, ", b"and well."]
        self.breaks_stream = False
        self.seen: list[Seen] = []
        self.connections: set[object] = set()
        self.overrides: dict[tuple[str, str], list[web.Response | Handler]] = {}
        self.jobs: dict[str, tuple[Outcome, str]] = {}
        self._looks: Counter[str] = Counter()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._runner: web.AppRunner | None = None
        self.url = ""

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(SECONDS)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._runner is not None
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(SECONDS)
        self._loop.close()

    def answer_once(self, method: str, path: str, answer: web.Response | Handler) -> None:
        """Puts an answer before the ordinary ones of a route; several come one after the other."""
        self.overrides.setdefault((method, path), []).append(answer)

    def bodies(self, method: str, path: str) -> list[Any]:
        return [
            seen.body
            for seen in self.seen
            if seen.method == method and seen.path_qs.partition("?")[0] == path
        ]

    def add_job(self, outcome: Outcome, container: str = "tgi") -> str:
        job_id = str(uuid.uuid4())
        self.jobs[job_id] = (outcome, container)
        return job_id

    async def _start(self) -> None:
        app = web.Application(middlewares=[self._observed])
        app.router.add_get("/health", self._health)
        app.router.add_get("/info", self._info)
        app.router.add_get("/resources", self._resources)
        app.router.add_post("/api/jobs", self._post_job)
        app.router.add_post("/api/jobs/batch", self._post_batch)
        app.router.add_post("/api/jobs/stream", self._post_stream)
        app.router.add_get("/api/jobs", self._get_jobs)
        app.router.add_put("/api/status", self._put_status)
        app.router.add_get("/api/v1/ips", self._ips)
        app.router.add_get("/api/v1/containers", self._containers)
        app.router.add_get("/api/v1/resources", self._network_resources)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"

    @web.middleware
    async def _observed(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        text = await request.text()
        body = json.loads(text) if text else None
        self.seen.append(Seen(request.method, request.raw_path, dict(request.headers), body))
        self.connections.add(request.transport)
        if waiting := self.overrides.get((request.method, request.path)):
            answer = waiting.pop(0)
            return answer if isinstance(answer, web.Response) else await answer(request)
        return await handler(request)

    async def _health(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "healthy" if self.healthy else "unhealthy"})

    async def _info(self, request: web.Request) -> web.Response:
        return web.json_response(INFO)

    async def _resources(self, request: web.Request) -> web.Response:
        return web.json_response(support(request) or RESOURCES)

    async def _post_job(self, request: web.Request) -> web.Response:
        job = await request.json()
        if "signature" in job:
            expired = job["signature"]["expiry"] < time.time()
            params = {"delegated_subscription": job}
            return refusal("Signature expired", params) if expired else web.json_response({})
        return self._refused(job) or web.json_response({"id": self._accept(job)})

    async def _post_batch(self, request: web.Request) -> web.Response:
        jobs = await request.json()
        if not isinstance(jobs, list):
            return web.json_response({"error": "Expected a list"}, status=400)
        answers = []
        for job in jobs:
            refused = self._refused(job)
            answers.append(json.loads(str(refused.text)) if refused else {"id": self._accept(job)})
        return web.json_response(answers)

    async def _post_stream(self, request: web.Request) -> web.StreamResponse:
        job = await request.json()
        if refused := self._refused(job):
            return refused
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        await response.write(self._accept(job).encode() + b"\n")
        for chunk in self.stream:
            await response.write(chunk)
        if self.breaks_stream:
            assert request.transport is not None
            request.transport.abort()
        return response

    async def _get_jobs(self, request: web.Request) -> web.Response:
        if ids := request.query.getall("id", []):
            intermediate = request.query.get("intermediate") == "true"
            return web.json_response(
                [self._result(job_id, intermediate) for job_id in ids if job_id in self.jobs]
            )
        pending = request.query.get("pending")
        return web.json_response(
            [
                job_id
                for job_id in self.jobs
                if pending is None or (pending == "true") == self._is_running(job_id)
            ]
        )

    async def _put_status(self, request: web.Request) -> web.Response:
        if (await request.json())["status"] not in ("success", "failed", "running"):
            return web.json_response({"error": "Status is invalid"}, status=400)
        return web.json_response(None)

    async def _ips(self, request: web.Request) -> web.Response:
        first, count = int(request.query["offset"]), int(request.query["n"])
        known = set(request.query.getall("container")) <= {"tgi", "inner"}
        return web.json_response(NODES[first : first + count] if known else [])

    async def _containers(self, request: web.Request) -> web.Response:
        return web.json_response(NETWORK_CONTAINERS)

    async def _network_resources(self, request: web.Request) -> web.Response:
        return web.json_response({NODES[0]: support(request) or RESOURCES})

    def _accept(self, job: dict[str, Any]) -> str:
        return self.add_job(self.outcome, job["containers"][-1])

    def _refused(self, job: dict[str, Any]) -> web.Response | None:
        if not job["containers"]:
            return refusal("No containers specified", {})
        for container in job["containers"]:
            if container not in ("tgi", "inner"):
                return refusal("Container not supported", {"container": container})
        if job["containers"][0] == "inner":
            return refusal("First container must be external", {"first_container": "inner"})
        if job.get("requires_proof"):
            return refusal("Container does not generate proof", {"container": "tgi"})
        return None

    def _is_running(self, job_id: str) -> bool:
        return self._looks[job_id] < self.jobs[job_id][0].running_for

    def _result(self, job_id: str, intermediate: bool) -> dict[str, Any]:
        outcome, container = self.jobs[job_id]
        if self._is_running(job_id):
            self._looks[job_id] += 1
            return {"id": job_id, "status": "running", "result": None}
        steps = {"intermediate_results": outcome.intermediate} if intermediate else {}
        if outcome.error is not None:
            failure = {"container": container, "error": outcome.error}
            return {"id": job_id, "status": "failed", "result": failure, **steps}
        success = {"container": container, "output": outcome.output}
        return {"id": job_id, "status": "success", "result": success, **steps}


def refusal(error: str, params: dict[str, Any]) -> web.Response:
    return web.json_response({"error": error, "params": params}, status=405)


def support(request: web.Request) -> dict[str, Any] | None:
    model = request.query.get("model_id")
    if model is None:
        return None
    if model == "org/model&more=1":
        return {"tgi": {"supported": True}}
    return {"tgi": {"supported": False, "error": f"{model} is not served"}}


INFO = {
    "version": "1.4.0",
    "chain": {"enabled": True, "address": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"},
    "containers": [
        {"id": "tgi", "description": "Text", "external": True, "image": "org/tgi:1"},
        {"id": "inner", "description": "", "external": False, "image": "org/inner:1"},
    ],
    "pending": {"offchain": 2, "onchain": 0},
}
RESOURCES = {"tgi": {"service_id": "tgi", "compute_capability": [], "hardware_capabilities": []}}
NODES = ["10.0.0.1:4000", "10.0.0.2:4000", "10.0.0.3:4000"]
NETWORK_CONTAINERS = [
    {"id": "tgi", "count": 3, "description": "Text"},
    {"id": "inner", "count": 1, "description": None},
]
