"""Containers that the node starts itself, against an engine on paper."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from infernet_node.config import ContainerConfig
from infernet_node.containers import keeping
from infernet_node.containers.plan import creation_request
from infernet_node.start_error import StartError
from scripts.processes import free_port
from test.node.managed import IMAGE, config, ready
from test.support.container import ScriptedContainer
from test.support.docker_engine import GATEWAY, SUBNET, FakeDockerEngine, PaperContainer
from test.support.node import running_node
from test.support.waiting import until


async def started(engine: FakeDockerEngine, times: int) -> None:
    """Returns once the container was started so often, or more."""
    await until(lambda: engine.calls.count("start one") >= times)


class TestLife:
    async def test_pulled_created_started_used_and_stopped(
        self, tmp_path: Path, engine: FakeDockerEngine, container: ScriptedContainer
    ) -> None:
        async with running_node(config(container), tmp_path) as node:
            await ready(node)
            job = await node.result(await node.submit("one", text="x"))
            assert job["status"] == "success"

        assert engine.calls == ["create one", "start one", "stop one"]
        assert engine.credentials == [None]
        assert engine.containers["one"].request["HostConfig"]["PortBindings"] == {
            "3000/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(container.port)}]
        }

    async def test_w_53_rest_answers_before_containers_run_and_refuses_jobs_for_them(
        self, tmp_path: Path, engine: FakeDockerEngine, container: ScriptedContainer
    ) -> None:
        engine.registry.clear()
        async with running_node(config(container), tmp_path) as node:
            body = {"containers": ["one"], "data": {}}
            refusal = {"error": "Container is not running", "params": {"container": "one"}}

            assert await node.get("/health") == (200, {"status": "healthy"})
            assert await node.get("/health/ready") == (
                503,
                {"status": "unhealthy", "problems": {"containers": "not running: one"}},
            )
            assert (await node.get("/info"))[1]["containers"] == []
            assert await node.post("/api/jobs", body) == (503, refusal)
            assert await node.post("/api/jobs/stream", body) == (503, refusal)
            assert await node.post("/api/jobs/batch", [body]) == (200, [refusal])

            engine.registry.add(IMAGE)  # it is tried again
            await ready(node)
        assert len(engine.credentials) > 1

    async def test_w_52_one_that_ends_is_started_again(
        self, tmp_path: Path, engine: FakeDockerEngine, container: ScriptedContainer
    ) -> None:
        async with running_node(config(container), tmp_path) as node:
            await ready(node)
            engine.end("one")
            await started(engine, 2)
            await ready(node)
        assert engine.calls == ["create one", "start one", "start one", "stop one"]

    async def test_one_that_ends_again_and_again_is_started_more_and_more_rarely(
        self, tmp_path: Path, engine: FakeDockerEngine
    ) -> None:
        engine.dies_at_once = True
        document = {"containers": [{"id": "one", "image": "acme/upper:1", "port": free_port()}]}
        with capture_logs() as log:
            async with running_node(document, tmp_path):
                await started(engine, 4)
        pauses = [line["restart_in"] for line in log if line["event"] == "container_failed"]
        assert pauses[:3] == [0.01, 0.02, 0.04]

    async def test_one_that_lived_for_long_is_started_again_at_once(
        self,
        tmp_path: Path,
        engine: FakeDockerEngine,
        container: ScriptedContainer,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(keeping, "_STEADY", 0.0)
        with capture_logs() as log:
            async with running_node(config(container), tmp_path) as node:
                for starts in (2, 3, 4):
                    await ready(node)
                    engine.end("one")
                    await started(engine, starts)
        pauses = [line["restart_in"] for line in log if line["event"] == "container_ended"]
        assert pauses[:3] == 3 * [0.01]

    async def test_one_that_was_removed_is_made_again(
        self, tmp_path: Path, engine: FakeDockerEngine, container: ScriptedContainer
    ) -> None:
        async with running_node(config(container), tmp_path) as node:
            await ready(node)
            engine.end("one")
            del engine.containers["one"]
            await started(engine, 2)
            await ready(node)
        assert engine.calls[:4] == ["create one", "start one", "create one", "start one"]

    async def test_containers_with_url_are_left_alone(
        self,
        tmp_path: Path,
        engine: FakeDockerEngine,
        container: ScriptedContainer,
        second: ScriptedContainer,
    ) -> None:
        document = config(container)
        document["containers"].append({"id": "two", "url": second.url})
        async with running_node(document, tmp_path) as node:
            await ready(node)
            assert (await node.result(await node.submit("two")))["status"] == "success"
        assert not [call for call in engine.calls if "two" in call]


class TestReuse:
    async def test_one_made_from_the_same_settings(
        self, tmp_path: Path, engine: FakeDockerEngine, container: ScriptedContainer
    ) -> None:
        for _ in range(2):
            async with running_node(config(container), tmp_path) as node:
                await ready(node)
        assert engine.calls == [
            "create one",
            "start one",
            "stop one",
            "start one",
            "stop one",
        ]

    async def test_w_51_one_made_from_other_settings_is_made_anew(
        self, tmp_path: Path, engine: FakeDockerEngine, container: ScriptedContainer
    ) -> None:
        for env in ({"A": 1}, {"A": 2}):
            async with running_node(config(container, env=env), tmp_path) as node:
                await ready(node)
        assert engine.calls[3:] == ["remove one", "create one", "start one", "stop one"]
        assert engine.containers["one"].request["Env"] == ["A=2"]

    async def test_a_strangers_is_used_if_it_opens_the_right_port(
        self, tmp_path: Path, engine: FakeDockerEngine, container: ScriptedContainer
    ) -> None:
        settings = ContainerConfig(id="one", image="acme/upper:1", port=container.port)
        request = creation_request(settings, "0.0.0.0")
        del request["Labels"]
        engine.containers["one"] = PaperContainer(request, running=True)
        async with running_node(config(container), tmp_path) as node:
            await ready(node)
        assert engine.calls == ["stop one"]

    async def test_a_strangers_is_never_removed(
        self, tmp_path: Path, engine: FakeDockerEngine, container: ScriptedContainer
    ) -> None:
        engine.containers["one"] = PaperContainer({"HostConfig": {}}, running=True)
        with capture_logs() as log:
            async with running_node(config(container), tmp_path) as node:
                while not any(line["event"] == "container_failed" for line in log):
                    assert (await node.get("/health/ready"))[0] == 503
        assert engine.calls == []


class TestImages:
    async def test_a_local_image_does(
        self, tmp_path: Path, engine: FakeDockerEngine, container: ScriptedContainer
    ) -> None:
        engine.registry.clear()
        engine.images.add(IMAGE)
        async with running_node(config(container), tmp_path) as node:
            await ready(node)

    @pytest.mark.parametrize(
        ("password", "expected"),
        [
            ("", None),
            (
                "p4ss",
                {"username": "me", "password": "p4ss", "serveraddress": "docker.io"},
            ),
        ],
    )
    async def test_credentials(
        self,
        tmp_path: Path,
        engine: FakeDockerEngine,
        container: ScriptedContainer,
        password: str,
        expected: dict[str, str] | None,
    ) -> None:
        document = {**config(container), "docker": {"username": "me", "password": password}}
        async with running_node(document, tmp_path) as node:
            await ready(node)
        assert engine.credentials == [expected]


class TestStart:
    async def test_without_docker(
        self, tmp_path: Path, container: ScriptedContainer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
        with pytest.raises(StartError, match=r"one cannot be started: .*cannot be reached"):
            async with running_node(config(container), tmp_path):
                pass

    @pytest.mark.parametrize(
        "bridge",
        [
            {"Subnet": SUBNET, "Gateway": GATEWAY},
            # What Docker 20.10 and later say until they are started a second time.
            {"Subnet": SUBNET},
        ],
    )
    async def test_from_within_docker_ports_open_on_the_hosts_address(
        self,
        tmp_path: Path,
        engine: FakeDockerEngine,
        container: ScriptedContainer,
        bridge: dict[str, str],
    ) -> None:
        engine.bridge = bridge
        async with running_node(config(container), tmp_path, runtime="docker"):
            await engine.started.wait()
        (binding,) = engine.containers["one"].request["HostConfig"]["PortBindings"]["3000/tcp"]
        assert binding["HostIp"] == GATEWAY

    async def test_the_address_is_a_setting(
        self, tmp_path: Path, engine: FakeDockerEngine, container: ScriptedContainer
    ) -> None:
        document = {**config(container), "publish_on": "10.0.0.5"}
        async with running_node(document, tmp_path) as node:
            await ready(node)
        (binding,) = engine.containers["one"].request["HostConfig"]["PortBindings"]["3000/tcp"]
        assert binding["HostIp"] == "10.0.0.5"
