"""The processes of a measurement: a container that answers at once, and a node before it."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.process import Usage
from scripts.processes import die_with_parent

CONTAINER = "at-once"


@dataclass(frozen=True, slots=True)
class World:
    """Where to send requests, and what they cost the node."""

    port: int
    """The node's."""
    container_port: int
    pid: int

    def usage(self) -> Usage:
        """What the node has used so far."""
        return Usage.of(self.pid)


@asynccontextmanager
async def running(directory: Path) -> AsyncIterator[World]:
    """Runs both in ``directory`` with the node's defaults, but without a rate limit."""
    command = (sys.executable, "-m", "bench.node.container")
    async with _process(*command, stdout=PIPE) as container:
        assert container.stdout is not None
        container_port = int(await container.stdout.readline())
        config = directory / "config.json"
        config.write_text(json.dumps(_config(directory, container_port)))
        node_command = (
            str(Path(sys.executable).parent / "infernet-node"),
            "run",
            "--config",
            str(config),
        )
        async with _process(*node_command, stderr=PIPE) as node:
            assert node.stderr is not None
            port = 0
            while not port:
                line = json.loads(await node.stderr.readline())
                port = line["port"] if line["event"] == "listening" else 0
            draining = asyncio.create_task(_drain(node.stderr))
            yield World(port, container_port, node.pid)
            draining.cancel()


def _config(directory: Path, container_port: int) -> dict[str, object]:
    return {
        "log": {"path": str(directory / "node.log")},
        "server": {
            "host": "127.0.0.1",
            "port": 0,
            "rate_limit": {"num_requests": 10**9, "period": 1},
        },
        "containers": [{"id": CONTAINER, "url": f"http://127.0.0.1:{container_port}"}],
    }


async def _drain(stream: asyncio.StreamReader) -> None:
    while await stream.read(2**16):
        pass


@asynccontextmanager
async def _process(
    *command: str, stdout: int | None = None, stderr: int | None = None
) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=stdout, stderr=stderr, preexec_fn=die_with_parent
    )
    try:
        yield process
    finally:
        process.kill()
        await process.wait()
