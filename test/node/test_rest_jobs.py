"""``POST`` and ``GET /api/jobs``: statuses, bodies, and what the container is asked."""

import asyncio
import json
import shlex
from pathlib import Path

import aiohttp
from aiohttp import web

from test.support.container import ScriptedContainer, answering
from test.support.node import NodeUnderTest, running_node

QUESTION = "Can shrimp actually fry rice fr?"


class TestLife:
    async def test_a_job_runs_and_its_result_can_be_read(
        self, node: NodeUnderTest, container: ScriptedContainer
    ) -> None:
        job_id = await node.submit("one", text=QUESTION)

        assert await node.result(job_id) == {
            "id": job_id,
            "status": "success",
            "result": {"container": "one", "output": {"output": {"text": QUESTION}}},
            "intermediate_results": [],
        }
        assert container.questions == [
            {"source": 1, "destination": 1, "data": {"text": QUESTION}, "requires_proof": False}
        ]

    async def test_a_job_is_visible_before_it_is_answered(
        self, node: NodeUnderTest, container: ScriptedContainer
    ) -> None:
        release = asyncio.Event()

        async def wait(_request: web.Request) -> web.StreamResponse:
            await release.wait()
            return web.json_response({"output": 1})

        container.answer = wait
        job_id = await node.submit("one")
        running = {"id": job_id, "status": "running", "result": None}

        assert await node.get("/api/jobs", id=job_id) == (200, [running])
        assert await node.get("/api/jobs", pending="true") == (200, [job_id])
        assert await node.get("/api/jobs", pending="false") == (200, [])
        release.set()
        await node.result(job_id)
        assert await node.get("/api/jobs", pending="true") == (200, [])
        assert await node.get("/api/jobs", pending="false") == (200, [job_id])

    async def test_the_curl_line_of_the_guide(self, node: NodeUnderTest) -> None:
        line = (
            f"curl -sS -X POST {node.url}/api/jobs "
            '-H "Content-Type: application/json" '
            """-d '{"containers": ["one"], "data": {"text": "Can shrimp actually fry rice fr?"}}'"""
        )
        process = await asyncio.create_subprocess_exec(
            *shlex.split(line), stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate()

        job = await node.result(json.loads(output)["id"])
        assert job["result"]["output"] == {"output": {"text": QUESTION}}

    async def test_a_body_without_content_type_is_read(self, node: NodeUnderTest) -> None:
        body = json.dumps({"containers": ["one"], "data": {}}).encode()
        async with node.session.post(
            node.url + "/api/jobs", data=body, headers={"Content-Type": "text/plain"}
        ) as response:
            assert response.status == 200

    async def test_long_integers_reach_the_container_and_come_back(
        self, node: NodeUnderTest, container: ScriptedContainer
    ) -> None:
        job_id = await node.submit("one", n=2**256 - 1)

        result = await node.result(job_id)
        assert container.questions[0]["data"] == {"n": 2**256 - 1}
        assert result["result"]["output"] == {"output": {"n": 2**256 - 1}}

    async def test_w_01_id_and_ip_of_the_body_are_ignored(self, node: NodeUnderTest) -> None:
        body = {"containers": ["one"], "data": {}, "id": "mine", "ip": "10.0.0.1"}
        _, answer = await node.post("/api/jobs", body)

        assert answer["id"] != "mine"
        assert await node.get("/api/jobs", id="mine") == (200, [])
        # The firewall looks at the connection, not at the body.
        status, _ = await node.post("/api/jobs", {**body, "containers": ["fenced"]})
        assert status == 405


class TestPipelines:
    async def test_each_container_gets_the_answer_of_the_one_before(
        self, node: NodeUnderTest, container: ScriptedContainer, second: ScriptedContainer
    ) -> None:
        container.answer = answering({"output": "middle"})
        job_id = await node.submit("one", "inner", text="x")

        job = await node.result(job_id)
        assert job["intermediate_results"] == [{"container": "one", "output": {"output": "middle"}}]
        assert job["result"] == {
            "container": "inner",
            "output": {"output": {"output": "middle"}},
        }
        assert second.questions == [
            {
                "source": 1,
                "destination": 1,
                "data": {"output": "middle"},
                "requires_proof": False,
            }
        ]

    async def test_intermediate_results_only_on_request(self, node: NodeUnderTest) -> None:
        job_id = await node.submit("one", "two")
        await node.result(job_id)

        _, (plain,) = await node.get("/api/jobs", id=job_id)
        _, (other,) = await node.get("/api/jobs", id=job_id, intermediate="1")
        assert set(plain) == set(other) == {"id", "status", "result"}

    async def test_the_first_failure_ends_the_job(
        self, node: NodeUnderTest, container: ScriptedContainer, second: ScriptedContainer
    ) -> None:
        second.answer = answering({"code": "500", "description": "out of memory"}, status=500)
        job_id = await node.submit("one", "two", "one", text="x")

        job = await node.result(job_id)
        assert job["status"] == "failed"
        assert job["result"] == {"container": "two", "error": "out of memory"}
        assert [r["container"] for r in job["intermediate_results"]] == ["one"]
        assert len(container.questions) == 1

    async def test_proof_is_asked_of_every_container(
        self, node: NodeUnderTest, container: ScriptedContainer
    ) -> None:
        body = {"containers": ["one", "proving"], "data": {}, "requires_proof": True}
        _, answer = await node.post("/api/jobs", body)

        await node.result(answer["id"])
        assert [q["requires_proof"] for q in container.questions] == [True, True]

    async def test_the_bearer_is_sent_to_its_container_only(
        self, node: NodeUnderTest, container: ScriptedContainer, second: ScriptedContainer
    ) -> None:
        await node.result(await node.submit("one", "two"))

        assert container.headers[0]["Authorization"] == "Bearer s3cret"
        assert "Authorization" not in second.headers[0]


class TestReading:
    async def test_finished_jobs_come_before_running_ones(
        self, node: NodeUnderTest, container: ScriptedContainer
    ) -> None:
        release = asyncio.Event()

        async def wait(_request: web.Request) -> web.StreamResponse:
            await release.wait()
            return web.json_response({})

        container.answer = wait
        slow = await node.submit("one")
        fast = [await node.submit("two") for _ in range(2)]
        for job_id in fast:
            await node.result(job_id)
        _, jobs = await node.get("/api/jobs", id=[fast[1], slow, "unknown", fast[0], slow])

        assert [job["id"] for job in jobs] == [fast[1], fast[0], slow]
        _, listed = await node.get("/api/jobs")
        assert listed[0] == slow
        assert sorted(listed) == sorted([*fast, slow])
        release.set()

    async def test_only_ones_own_jobs_are_seen(
        self, tmp_path: Path, container: ScriptedContainer
    ) -> None:
        config = {
            "containers": [{"id": "one", "url": container.url}],
            "server": {"trusted_proxies": ["127.0.0.1"]},
        }
        async with running_node(config, tmp_path) as node:
            mine, other = (
                aiohttp.ClientSession(headers={"X-Forwarded-For": ip})
                for ip in ("192.0.2.1", "2001:db8::1")
            )
            async with mine, other:
                url = f"{node.url}/api/jobs"
                async with mine.post(url, json={"containers": ["one"], "data": {}}) as response:
                    job_id = (await response.json())["id"]
                async with other.get(url, params={"id": job_id}) as response:
                    assert await response.json() == []
                async with other.get(url) as response:
                    assert await response.json() == []
                async with mine.get(url) as response:
                    assert await response.json() == [job_id]

    async def test_too_many_ids(self, node: NodeUnderTest) -> None:
        status, body = await node.get("/api/jobs", id=["x"] * 1001)
        assert (status, body) == (400, {"error": "id: at most 1000 ids can be asked for at once"})


async def test_no_room(tmp_path: Path, container: ScriptedContainer) -> None:
    config = {
        "containers": [{"id": "one", "url": container.url}],
        "jobs": {"max_running": 1, "max_pending": 2, "drain_timeout": 0},
    }

    async def wait(_request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    container.answer = wait
    async with running_node(config, tmp_path) as node:
        for _ in range(2):
            await node.submit("one")
        body = {"containers": ["one"], "data": {}}
        async with node.session.post(f"{node.url}/api/jobs", json=body) as response:
            answer = await response.json()
            assert response.status == 503
            assert response.headers["Retry-After"] == "1"
        assert answer == {"error": "Too many jobs are pending; try again later"}
        assert len(container.questions) == 1
