"""Processes in place of containers, for development without Docker."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from infernet_node.config import ConfigError, ContainerConfig, parse_config
from infernet_node.containers import keeping
from infernet_node.containers.endpoint import endpoints_of
from infernet_node.containers.process import command_of, environment_of
from scripts.processes import free_port
from test.support.node import NodeUnderTest, running_node
from test.support.waiting import until

SERVER = """
import json, os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Echo(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer({})
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.answer({"output": body["data"], "pid": os.getpid(), "word": os.environ["WORD"]})
    def answer(self, value):
        text = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
    def log_message(self, *args):
        pass

HTTPServer(("127.0.0.1", int(sys.argv[1])), Echo).serve_forever()
"""


@pytest.fixture
def config(tmp_path: Path) -> dict[str, Any]:
    program = tmp_path / "echo.py"
    program.write_text(SERVER)
    return {
        "containers": [
            {
                "id": "echo",
                "process": f"{sys.executable} '{program}' {{port}}",
                "port": free_port(),
                "env": {"WORD": 7},
            }
        ]
    }


async def readiness(node: NodeUnderTest, status: int) -> None:
    while True:
        if (await node.get("/health/ready"))[0] == status:
            return
        await asyncio.sleep(0.02)


async def ask(node: NodeUnderTest) -> dict[str, Any]:
    answer = (await node.result(await node.submit("echo", n=1)))["result"]["output"]
    return dict(answer)


async def test_started_used_started_again_and_ended(config: Any, tmp_path: Path) -> None:
    async with running_node(config, tmp_path) as node:
        await readiness(node, 200)
        first = await ask(node)
        assert (first["output"], first["word"]) == ({"n": 1}, "7")

        os.kill(first["pid"], signal.SIGKILL)
        await readiness(node, 503)
        status, refusal = await node.post("/api/jobs", {"containers": ["echo"], "data": {}})
        assert (status, refusal["error"]) == (503, "Container is not running")

        await readiness(node, 200)
        second = await ask(node)
        assert second["pid"] != first["pid"]
    with pytest.raises(ProcessLookupError):
        os.kill(second["pid"], 0)


async def test_a_program_that_is_none(tmp_path: Path) -> None:
    config = {"containers": [{"id": "echo", "process": "no-such-program"}]}
    async with running_node(config, tmp_path) as node:
        _, body = await node.get("/health/ready")
        assert body["problems"] == {"containers": "not running: echo"}


async def test_one_that_cannot_be_started_at_all_does_not_disturb_the_others(
    config: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = {"id": "odd", "process": "serve", "port": free_port(), "env": {"WORD": "nul\0"}}
    config["containers"].append(odd)
    monkeypatch.setattr(keeping, "_FIRST_PAUSE", 0.01)

    def attempts() -> int:
        return [line["event"] for line in log].count("container_failed")

    with capture_logs() as log:
        async with running_node(config, tmp_path) as node:
            await until(lambda: attempts() > 1, seconds=10)
            await until(lambda: node.services.is_running("echo"))
            first, tried = await ask(node), attempts()
            await until(lambda: attempts() > tried)
            assert (await ask(node))["pid"] == first["pid"]


def test_the_line() -> None:
    container = ContainerConfig(id="a", process="serve 'a b' --bind=:{port}", port=3007)
    assert command_of(container) == ["serve", "a b", "--bind=:3007"]


def test_our_secrets_stay_ours() -> None:
    container = ContainerConfig(id="a", process="serve", env={"N": 1})
    inherited = {"PATH": "/bin", "HOME": "/home/me", "INFERNET_PRIVATE_KEY": "secret"}
    environment = environment_of(container, inherited)
    assert environment == {
        "PATH": f"{Path(sys.executable).parent}:/bin",
        "HOME": "/home/me",
        "N": "1",
    }


def test_a_process_is_on_this_machine_also_from_within_docker() -> None:
    container = ContainerConfig(id="a", process="serve", port=3007)
    assert str(endpoints_of([container], "docker")["a"].base) == "http://127.0.0.1:3007"


def test_a_line_without_end_is_a_problem() -> None:
    with pytest.raises(ConfigError, match="process: must be a command line: No closing quotation"):
        parse_config({"containers": [{"id": "a", "process": "serve 'a"}]}, {})
