"""Containers that the node starts itself, against an engine on paper."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from infernet_node.config import ContainerConfig
from infernet_node.containers import keeping
from infernet_node.containers.output import OutputCopier, lines_of
from infernet_node.containers.plan import (
    SETTINGS_LABEL,
    assign_ports,
    creation_request,
    image_reference,
)
from infernet_node.start_error import StartError
from scripts.processes import free_port
from test.support.container import ScriptedContainer
from test.support.docker_engine import GATEWAY, FakeDockerEngine, PaperContainer
from test.support.node import NodeUnderTest, running_node

IMAGE = "docker.io/acme/upper:1"


@pytest.fixture
async def engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[FakeDockerEngine]:
    fake = FakeDockerEngine(tmp_path / "docker.sock", registry={IMAGE})
    monkeypatch.setenv("DOCKER_HOST", fake.url)
    monkeypatch.setattr(keeping, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr(keeping, "_ASK_EVERY", 0.01)
    async with fake.serve():
        yield fake


def config(container: ScriptedContainer, **changes: Any) -> dict[str, Any]:
    section = {"id": "one", "image": "acme/upper:1", "port": container.port, **changes}
    return {"containers": [section], "jobs": {"drain_timeout": 0}}


async def status(node: NodeUnderTest, wanted: int) -> None:
    """Returns once the node's readiness has that status."""
    while True:
        if (await node.get("/health/ready"))[0] == wanted:
            return
        await asyncio.sleep(0.002)


def printed(log: list[Any]) -> list[tuple[str, str]]:
    return [(e["container"], e["line"]) for e in log if e["event"] == "container_output"]


async def until(holds: Callable[[], bool]) -> None:
    while True:
        if holds():
            return
        await asyncio.sleep(0.002)


async def ready(node: NodeUnderTest) -> None:
    await status(node, 200)


async def down(node: NodeUnderTest) -> None:
    await status(node, 503)


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
            await down(node)
            await ready(node)
        assert engine.calls == ["create one", "start one", "start one", "stop one"]

    async def test_one_that_was_removed_is_made_again(
        self, tmp_path: Path, engine: FakeDockerEngine, container: ScriptedContainer
    ) -> None:
        async with running_node(config(container), tmp_path) as node:
            await ready(node)
            engine.end("one")
            del engine.containers["one"]
            await down(node)
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


class TestOutput:
    async def test_what_a_container_prints_stands_in_the_log_once_for_each_start(
        self, tmp_path: Path, engine: FakeDockerEngine, container: ScriptedContainer
    ) -> None:
        engine.output = b"model loaded\n\nserving\r\n"
        with capture_logs() as log:
            async with running_node(config(container), tmp_path) as node:
                await ready(node)
                await until(lambda: len(printed(log)) == 2)
                engine.end("one")
                await until(lambda: len(printed(log)) == 4)
        assert printed(log) == 2 * [("one", "model loaded"), ("one", "serving")]

    async def test_not_what_it_printed_before_the_node_came(
        self, tmp_path: Path, engine: FakeDockerEngine, container: ScriptedContainer
    ) -> None:
        settings = ContainerConfig(id="one", image="acme/upper:1", port=container.port)
        request = creation_request(settings, "127.0.0.1")
        engine.containers["one"] = PaperContainer(request, running=True)
        with capture_logs() as log:
            async with running_node(config(container), tmp_path) as node:
                await ready(node)
                assert printed(log) == []
                engine.end("one")
                await until(lambda: printed(log) == [("one", "ready")])

    async def test_why_one_ends_at_once_stands_in_the_log(
        self, tmp_path: Path, engine: FakeDockerEngine
    ) -> None:
        engine.output = b"no such model\n"
        engine.dies_at_once = True
        document = {"containers": [{"id": "one", "image": "acme/upper:1", "port": free_port()}]}
        with capture_logs() as log:
            async with running_node(document, tmp_path):
                await until(lambda: any(line["event"] == "container_failed" for line in log))
        assert printed(log)[0] == ("one", "no such model")

    async def test_one_that_ends_again_and_again_is_started_more_and_more_rarely(
        self, tmp_path: Path, engine: FakeDockerEngine
    ) -> None:
        engine.dies_at_once = True
        document = {"containers": [{"id": "one", "image": "acme/upper:1", "port": free_port()}]}
        with capture_logs() as log:
            async with running_node(document, tmp_path):
                await until(lambda: engine.calls.count("start one") == 4)
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
                for _ in range(3):
                    await ready(node)
                    engine.end("one")
                    await down(node)
        pauses = [line["restart_in"] for line in log if line["event"] == "container_ended"]
        assert pauses[:3] == 3 * [0.01]

    async def test_it_can_be_left_out(
        self, tmp_path: Path, engine: FakeDockerEngine, container: ScriptedContainer
    ) -> None:
        document = {**config(container), "log": {"path": f"{tmp_path}/log", "containers": False}}
        with capture_logs() as log:
            async with running_node(document, tmp_path) as node:
                await ready(node)
        assert not [call for call in engine.reads if call.endswith("/logs")]
        assert printed(log) == []

    async def test_a_flood_is_bounded_and_counted(
        self, tmp_path: Path, engine: FakeDockerEngine, container: ScriptedContainer
    ) -> None:
        now = 0.0

        async def flood(_container: str, _since: float | None) -> AsyncIterator[str]:
            nonlocal now
            yield "x\n" * 1000
            now = 1.5
            yield "y\n"

        copier = OutputCopier(SimpleNamespace(output=flood), clock=lambda: now)  # type: ignore[arg-type]
        with capture_logs() as log:
            async with copier.copying("one", None):
                pass
        assert [line for _, line in printed(log)] == 200 * ["x"] + ["y"]
        (gap,) = [line for line in log if line["event"] == "container_output_left_out"]
        assert gap["lines"] == 800

    @pytest.mark.parametrize(
        ("pieces", "expected"),
        [
            (["a", "b\nc", "\n"], ["ab", "c"]),
            (["no end"], ["no end"]),
            (["\n\n", "  \n"], []),
            (["x" * 5000, "x" * 5000, "\nnext\n"], ["x" * 4096, "next"]),
            ([], []),
        ],
    )
    async def test_lines(self, pieces: list[str], expected: list[str]) -> None:
        async def text() -> AsyncIterator[str]:
            for piece in pieces:
                yield piece

        assert [line async for line in lines_of(text())] == expected


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

    async def test_from_within_docker_ports_open_on_the_hosts_address(
        self, tmp_path: Path, engine: FakeDockerEngine, container: ScriptedContainer
    ) -> None:
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


class TestPlan:
    @pytest.mark.parametrize(
        ("wanted", "occupied", "expected"),
        [
            ([3000, 3000, 3000], [4000], [3000, 3999, 3998]),
            ([3999, 3000, 3000], [], [3999, 3000, 3998]),
            ([4000, 3999], [4000], [3999, 3998]),
            ([3001, 3002], [], [3001, 3002]),
        ],
    )
    def test_ports(self, wanted: list[int], occupied: list[int], expected: list[int]) -> None:
        containers = [ContainerConfig(id=str(n), port=port) for n, port in enumerate(wanted)]
        ports, warnings = assign_ports(containers, occupied)

        assert list(ports.values()) == expected
        moved = sum(want != got for want, got in zip(wanted, expected, strict=True))
        assert len(warnings) == moved

    @pytest.mark.parametrize(
        ("image", "expected"),
        [
            ("upper", "docker.io/library/upper:latest"),
            ("acme/upper:1", "docker.io/acme/upper:1"),
            ("localhost/upper", "localhost/upper:latest"),
            ("ghcr.io/acme/upper:1", "ghcr.io/acme/upper:1"),
            ("registry:5000/upper", "registry:5000/upper:latest"),
            ("acme/upper@sha256:00", "docker.io/acme/upper@sha256:00"),
        ],
    )
    def test_image_names(self, image: str, expected: str) -> None:
        assert image_reference(image) == expected

    def test_w_05_creation(self) -> None:
        container = ContainerConfig(
            id="tgi",
            image="your_org/tgi_client_inference_service:latest",
            port=3005,
            command='--bind=0.0.0.0:3000 --workers=2 --name "a b"',
            env={"TRIES": "3", "N": 5, "JSON": '["http://x", 30]'},
            volumes=("/data:/data:ro",),
            gpu=True,
        )
        request = creation_request(container, "127.0.0.1")
        labels = request.pop("Labels")

        assert request == {
            "Image": "docker.io/your_org/tgi_client_inference_service:latest",
            "Cmd": ["--bind=0.0.0.0:3000", "--workers=2", "--name", "a b"],
            "Env": ["TRIES=3", "N=5", 'JSON=["http://x", 30]'],
            "ExposedPorts": {"3000/tcp": {}},
            "HostConfig": {
                "PortBindings": {"3000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "3005"}]},
                "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 5},
                "Binds": ["/data:/data:ro"],
                "DeviceRequests": [{"Driver": "nvidia", "Count": -1, "Capabilities": [["gpu"]]}],
            },
        }
        other = creation_request(container.model_copy(update={"gpu": False}), "127.0.0.1")
        assert labels[SETTINGS_LABEL] != other["Labels"][SETTINGS_LABEL]

    def test_no_command_is_the_images_own(self) -> None:
        assert "Cmd" not in creation_request(ContainerConfig(id="a", image="a"), "127.0.0.1")
