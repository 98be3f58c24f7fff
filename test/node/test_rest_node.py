"""Routes about the node: health, information, resources, reported status, rate limit."""

import asyncio
from pathlib import Path
from typing import Any, ClassVar

import aiohttp
import pytest
from aiohttp import web

from infernet_node import __version__
from infernet_node.api.rate_limit import RateLimiter
from infernet_node.config import RateLimitConfig
from infernet_node.containers import calls
from test.support.container import ScriptedContainer, answering
from test.support.node import FakeChain, NodeUnderTest, running_node


class TestHealth:
    async def test_alive(self, node: NodeUnderTest) -> None:
        assert await node.get("/health") == (200, {"status": "healthy"})

    async def test_ready(self, node: NodeUnderTest) -> None:
        assert await node.get("/health/ready") == (200, {"status": "healthy"})

    async def test_not_ready_while_the_chain_is_behind(self, tmp_path: Path) -> None:
        chain = FakeChain(status="12 blocks behind")
        async with running_node({}, tmp_path, chain=chain) as node:
            assert await node.get("/health") == (200, {"status": "healthy"})
            assert await node.get("/health/ready") == (
                503,
                {"status": "unhealthy", "problems": {"chain": "12 blocks behind"}},
            )


class TestInfo:
    async def test_without_chain(self, node: NodeUnderTest, container: ScriptedContainer) -> None:
        release = asyncio.Event()

        async def wait(_request: web.Request) -> web.StreamResponse:
            await release.wait()
            return web.json_response({})

        container.answer = wait
        await node.submit("one")
        status, info = await node.get("/info")
        release.set()

        assert status == 200
        assert info["version"] == __version__
        assert info["pending"] == {"offchain": 1, "onchain": 0}
        assert info["chain"] == {"enabled": False, "address": ""}
        assert info["containers"][:3] == [
            {"id": "one", "description": "first", "external": True, "image": ""},
            {"id": "two", "description": "", "external": True, "image": "acme/two:1"},
            {"id": "inner", "description": "", "external": False, "image": ""},
        ]

    async def test_with_chain(self, tmp_path: Path) -> None:
        chain = FakeChain(pending=3)
        async with running_node({}, tmp_path, chain=chain) as node:
            _, info = await node.get("/info")
        assert info["chain"] == {"enabled": True, "address": chain.address}
        assert info["pending"] == {"offchain": 0, "onchain": 3}


class TestResources:
    async def test_answers_are_passed_through(
        self, tmp_path: Path, container: ScriptedContainer, second: ScriptedContainer
    ) -> None:
        resources = {"service_id": "a", "compute_capability": [], "hardware_capabilities": []}
        container.resources = answering(resources)
        second.resources = answering({"oops": 1}, status=500)
        config = {
            "containers": [
                {"id": "a", "url": container.url, "bearer": "s3cret"},
                {"id": "b", "url": second.url},
                {"id": "gone", "url": "http://127.0.0.1:9"},
            ]
        }
        async with running_node(config, tmp_path) as node:
            assert await node.get("/resources") == (200, {"a": resources})
        assert container.queries == [""]
        assert container.headers[0]["Authorization"] == "Bearer s3cret"

    @pytest.mark.parametrize("nothing", [{}, [], False, None])
    async def test_a_container_with_nothing_to_tell_has_answered(
        self, tmp_path: Path, container: ScriptedContainer, nothing: Any
    ) -> None:
        container.resources = answering(nothing)
        config = {"containers": [{"id": "a", "url": container.url}]}
        async with running_node(config, tmp_path) as node:
            assert await node.get("/resources") == (200, {"a": nothing})

    async def test_w_48_the_model_is_escaped(
        self, tmp_path: Path, container: ScriptedContainer
    ) -> None:
        container.resources = answering({"supported": False, "error": "unknown"})
        config = {"containers": [{"id": "a", "url": container.url}]}
        async with running_node(config, tmp_path) as node:
            answer = await node.get("/resources", model_id="a/b&admin=1#x y")
        assert answer == (200, {"a": {"supported": False, "error": "unknown"}})
        (query,) = container.queries
        assert "&" not in query

    async def test_w_44_a_silent_container_does_not_hold_up_the_others(
        self, tmp_path: Path, container: ScriptedContainer, second: ScriptedContainer
    ) -> None:
        async def never(_request: web.Request) -> web.StreamResponse:
            await asyncio.Event().wait()
            raise AssertionError

        container.resources = never
        config = {
            "containers": [{"id": id, "url": c.url} for id, c in (("a", container), ("b", second))]
        }
        async with running_node(config, tmp_path) as node:
            _, answer = await node.get("/resources")
        assert answer == {"b": {"service_id": "scripted"}}
        assert calls._RESOURCES_TIMEOUT < 1  # what clients wait


class TestStatus:
    BODY: ClassVar[dict[str, Any]] = {
        "id": "job-9",
        "status": "running",
        "containers": ["one"],
        "data": {},
    }

    async def test_a_container_reports_its_job(self, node: NodeUnderTest) -> None:
        assert await node.put("/api/status", self.BODY) == (200, None)
        assert await node.get("/api/jobs", id="job-9") == (
            200,
            [{"id": "job-9", "status": "running", "result": None}],
        )

        assert await node.put("/api/status", {**self.BODY, "status": "success"}) == (200, None)
        assert await node.get("/api/jobs", id="job-9", intermediate="true") == (
            200,
            [
                {
                    "id": "job-9",
                    "status": "success",
                    "result": None,
                    "intermediate_results": [],
                }
            ],
        )

    async def test_w_04_an_ended_job_does_not_change(self, node: NodeUnderTest) -> None:
        await node.put("/api/status", {**self.BODY, "status": "failed"})

        assert await node.put("/api/status", {**self.BODY, "status": "failed"}) == (200, None)
        assert await node.put("/api/status", {**self.BODY, "status": "success"}) == (
            409,
            {"error": "The job has already ended: failed"},
        )

    async def test_w_04_a_job_of_the_node_is_not_touched(self, node: NodeUnderTest) -> None:
        job_id = await node.submit("one")
        await node.result(job_id)
        body = {**self.BODY, "id": job_id, "status": "failed"}
        assert await node.put("/api/status", body) == (
            409,
            {"error": "The node runs this job itself"},
        )

    @pytest.mark.parametrize(
        ("change", "error"),
        [
            ({"status": "failure"}, "Status is invalid"),
            ({"status": None}, "Status is invalid"),
            ({"id": None}, "id: must be 1 to 128 letters, digits or any of . _ : -"),
            ({"id": "a b"}, "id: must be 1 to 128 letters, digits or any of . _ : -"),
            ({"containers": "one"}, "containers: must be a list of container ids"),
            ({"containers": ["nope"]}, "containers: 'nope' is not configured here"),
        ],
    )
    async def test_malformed(self, node: NodeUnderTest, change: dict[str, Any], error: str) -> None:
        assert await node.put("/api/status", {**self.BODY, **change}) == (400, {"error": error})

    async def test_w_04_strangers_may_not(self, tmp_path: Path) -> None:
        config = {"server": {"status_allowed_ips": ["10.0.0.0/8"]}}
        async with running_node(config, tmp_path) as node:
            assert await node.put("/api/status", self.BODY) == (403, {"error": "Unauthorized"})

    async def test_a_token_may_be_required(
        self, tmp_path: Path, container: ScriptedContainer
    ) -> None:
        config = {
            "containers": [{"id": "one", "url": container.url}],
            "server": {"status_token": "tök"},
        }
        async with running_node(config, tmp_path) as node:
            assert (await node.put("/api/status", self.BODY))[0] == 403
            wrong = await node.put("/api/status", self.BODY, Authorization="Bearer tok")
            assert wrong[0] == 403
            right = await node.put("/api/status", self.BODY, Authorization="Bearer tök")
            assert right == (200, None)


class TestRateLimit:
    async def test_headers_and_refusal(self, tmp_path: Path, container: ScriptedContainer) -> None:
        now = 0.0
        limiter = RateLimiter(RateLimitConfig(num_requests=2, period=10), lambda: now)
        config = {"containers": [{"id": "one", "url": container.url}]}
        async with running_node(config, tmp_path, limiter=limiter) as node:

            async def ask(path: str = "/info", **headers: str) -> aiohttp.ClientResponse:
                async with node.session.get(node.url + path, headers=headers) as response:
                    await response.read()
                    return response

            first, second = await ask(), await ask()
            # A header names nobody: it would give everybody as many limits as he likes.
            third = await ask(**{"X-Forwarded-For": "1.2.3.4"})
            other_route = await ask("/health")
            now = 5.0
            later = await ask()

            assert [r.status for r in (first, second, third, later)] == [200, 200, 429, 200]
            assert first.headers["RateLimit-Limit"] == "2"
            assert first.headers["RateLimit-Remaining"] == "1"
            assert first.headers["RateLimit-Reset"] == "5"
            assert third.headers["Retry-After"] == "5"
            assert await third.json() == {"error": "Rate limit exceeded; try again in 5 s"}
            assert other_route.status == 200

            for _ in range(4):
                assert (await node.put("/api/status", TestStatus.BODY))[0] == 200
