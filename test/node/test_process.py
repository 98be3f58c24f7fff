"""The node as operators know it: a process that is started, killed, stopped and read about."""

import asyncio
import json
import signal
import socket
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from click.testing import CliRunner

from infernet_node.cli import main
from infernet_node.config import LogConfig, parse_config
from infernet_node.logs import LogFileError, configure_logging
from infernet_node.node import run_node
from infernet_node.start_error import StartError
from infernet_node.supervision import StopRequest
from scripts.processes import free_port
from test.support.container import ScriptedContainer, answering
from test.support.node_process import BIN, configure, started

KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"


async def never(_request: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def test_w_15_after_a_kill_every_accepted_job_is_finished(
    tmp_path: Path, container: ScriptedContainer, second: ScriptedContainer
) -> None:
    path = configure(
        tmp_path,
        {
            "containers": [
                {"id": "a", "url": container.url},
                {"id": "b", "url": second.url},
            ],
            "jobs": {"max_running": 2},
        },
    )
    second.answer = never
    async with started(path) as node:
        half_done = await node.submit("a", "b", n=1)
        await second.asked.wait()
        untouched = [await node.submit("b", n=n) for n in (2, 3)]
        node.process.kill()
        await node.process.wait()

    second.answer = answering({"output": "done"})
    async with started(path) as node:
        assert node.lines[-1]["resumed_jobs"] == 3
        first, *others = await node.finished(half_done, *untouched)

    assert first["status"] == "success"
    assert first["intermediate_results"] == [{"container": "a", "output": {"output": {"n": 1}}}]
    assert [job["result"]["output"] for job in others] == [{"output": "done"}] * 2
    # Its answer was a row before the kill: it was not asked a second time.
    assert [q["data"] for q in container.questions] == [{"n": 1}]


async def test_w_54_a_stop_lets_running_jobs_finish_and_logs_no_secrets(
    tmp_path: Path, container: ScriptedContainer
) -> None:
    path = configure(
        tmp_path,
        {
            "containers": [{"id": "a", "url": container.url, "bearer": "t0p-s3cret"}],
            "sever": {},
            "chain": {"wallet": {"private_key": KEY}},
        },
    )
    release = asyncio.Event()

    async def wait(_request: web.Request) -> web.StreamResponse:
        await release.wait()
        return web.json_response({"output": "private answer"})

    container.answer = wait
    async with started(path) as node:
        job_id = await node.submit("a", text="private question")
        await container.asked.wait()
        node.process.send_signal(signal.SIGTERM)
        await node.until("stopping")
        # Still there to be asked, but takes no more work.
        assert [job["status"] for job in await node.jobs(job_id)] == ["running"]
        body = {"containers": ["a"], "data": {}}
        async with node.session.post(f"{node.url}/api/jobs", json=body) as response:
            assert response.status == 503
        release.set()
        assert await node.ended() == 0

    events = [line["event"] for line in node.lines]
    assert events == ["config", "listening", "stopping", "job_finished", "stopped"]
    assert node.lines[0]["warning"].endswith('did you mean "server"?')
    assert node.lines[3]["job_id"] == job_id
    file = (tmp_path / "node.log").read_text()
    assert [json.loads(line)["event"] for line in file.splitlines()] == events
    for secret in ("t0p-s3cret", KEY[2:], "private"):
        assert secret not in file
        assert secret not in str(node.lines)


async def test_a_second_signal_does_not_wait(tmp_path: Path, container: ScriptedContainer) -> None:
    path = configure(tmp_path, {"containers": [{"id": "a", "url": container.url}]})
    container.answer = never
    async with started(path) as node:
        await node.submit("a")
        await container.asked.wait()
        node.process.send_signal(signal.SIGINT)
        await node.until("stopping")
        node.process.send_signal(signal.SIGINT)
        async with asyncio.timeout(10):  # far below the time that jobs have to finish
            assert await node.ended() == 0
    assert [line["event"] for line in node.lines[-2:]] == ["jobs_left_for_next_start", "stopped"]


async def test_a_port_in_use_is_said_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        path = configure(tmp_path, {"server": {"host": "127.0.0.1", "port": port}})
        process = await asyncio.create_subprocess_exec(
            str(BIN / "infernet-node"),
            "run",
            env={"INFERNET_CONFIG_PATH": str(path)},
            stderr=asyncio.subprocess.PIPE,
        )
        _, output = await process.communicate()

    assert process.returncode == 1
    assert output.decode() == (
        f"infernet-node: server.port: cannot listen on 127.0.0.1:{port} (Address already in use); "
        "stop what uses it, or choose another port\n"
    )


class TestCommands:
    """Those that need no process of their own."""

    @pytest.fixture
    def invoke(self) -> Any:
        return lambda *args: CliRunner().invoke(main, [str(arg) for arg in args])

    def test_check_config(self, tmp_path: Path, invoke: Any) -> None:
        path = configure(tmp_path, {"containers": [{"id": "a", "url": "http://a"}], "sever": 1})
        result = invoke("check-config", "--config", path)

        assert result.exit_code == 0
        assert "The configuration is valid. Containers: a; chain: off.\n" in result.output
        assert 'did you mean "server"?' in result.output

    @pytest.mark.parametrize("command", ["check-config", "run"])
    def test_a_wrong_configuration(self, tmp_path: Path, invoke: Any, command: str) -> None:
        path = configure(tmp_path, {"chain": {"enabled": True, "wallet": {"private_key": KEY}}})
        result = invoke(command, "--config", path)

        assert result.exit_code == 1
        assert "chain.rpc_url: rpc_url must be defined when chain is enabled" in result.output
        assert KEY[2:] not in result.output


class TestStart:
    """What stops a node before it listens; the command prints the error and exits with 1."""

    @pytest.fixture
    def run(self, tmp_path: Path) -> Any:
        async def run(**config: Any) -> None:
            document = {"log": {"path": str(tmp_path / "node.log")}, "server": {"port": 0}}
            settings = parse_config({**document, **config}, {}).config
            await run_node(settings, runtime=None, stop=StopRequest())

        return run

    async def test_an_unusable_store(self, run: Any, tmp_path: Path) -> None:
        url = f"sqlite+aiosqlite:///{tmp_path}/no/such/directory/x.sqlite"
        with pytest.raises(StartError, match=r"store\.url: .*unable to open database file"):
            await run(store={"url": url})

    async def test_a_store_that_is_none(self, run: Any, tmp_path: Path) -> None:
        (tmp_path / "x.sqlite").write_bytes(b"something else" * 100)
        with pytest.raises(StartError, match=r"store\.url: .*file is not a database"):
            await run(store={"url": f"sqlite+aiosqlite:///{tmp_path}/x.sqlite"})

    async def test_a_store_that_is_not_there(self, run: Any) -> None:
        url = f"postgresql+asyncpg://u:p4ss@127.0.0.1:{free_port()}/db?password=p4ss"
        with pytest.raises(StartError, match=r"store\.url: .* cannot be opened: ") as caught:
            await run(store={"url": url})
        assert "p4ss" not in str(caught.value)

    def test_an_unusable_log_file(self, tmp_path: Path) -> None:
        with pytest.raises(LogFileError, match=r"log\.path: .* cannot be written: Is a directory"):
            configure_logging(LogConfig(path=str(tmp_path)), [])
