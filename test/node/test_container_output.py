"""What containers print, as lines of the node's log."""

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from infernet_node.config import ContainerConfig
from infernet_node.containers.output import OutputCopier, lines_of
from infernet_node.containers.plan import creation_request
from scripts.processes import free_port
from test.node.managed import config, printed, ready
from test.support.container import ScriptedContainer
from test.support.docker_engine import FakeDockerEngine, PaperContainer
from test.support.node import running_node
from test.support.waiting import until


async def test_what_a_container_prints_stands_in_the_log_once_for_each_start(
    tmp_path: Path, engine: FakeDockerEngine, container: ScriptedContainer
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
    tmp_path: Path, engine: FakeDockerEngine, container: ScriptedContainer
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
    tmp_path: Path, engine: FakeDockerEngine
) -> None:
    engine.output = b"no such model\n"
    engine.dies_at_once = True
    document = {"containers": [{"id": "one", "image": "acme/upper:1", "port": free_port()}]}
    with capture_logs() as log:
        async with running_node(document, tmp_path):
            await until(lambda: any(line["event"] == "container_failed" for line in log))
    assert printed(log)[0] == ("one", "no such model")


async def test_it_can_be_left_out(
    tmp_path: Path, engine: FakeDockerEngine, container: ScriptedContainer
) -> None:
    document = {**config(container), "log": {"path": f"{tmp_path}/log", "containers": False}}
    with capture_logs() as log:
        async with running_node(document, tmp_path) as node:
            await ready(node)
    assert not [call for call in engine.reads if call.endswith("/logs")]
    assert printed(log) == []


async def test_a_flood_is_bounded_and_counted(
    tmp_path: Path, engine: FakeDockerEngine, container: ScriptedContainer
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
async def test_lines(pieces: list[str], expected: list[str]) -> None:
    async def text() -> AsyncIterator[str]:
        for piece in pieces:
            yield piece

    assert [line async for line in lines_of(text())] == expected
