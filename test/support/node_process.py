"""The node as operators know it: a process that is started, killed, stopped and read about."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

BIN = Path(sys.executable).parent


@dataclass
class NodeProcess:
    """A running ``infernet-node run``."""

    process: asyncio.subprocess.Process
    session: aiohttp.ClientSession
    url: str = ""
    lines: list[dict[str, Any]] = field(default_factory=list)
    """What it has logged so far."""

    async def until(self, event: str) -> dict[str, Any]:
        """Reads the log up to a line of that event."""
        assert self.process.stderr is not None
        while line := await self.process.stderr.readline():
            self.lines.append(json.loads(line))
            if self.lines[-1]["event"] == event:
                return self.lines[-1]
        raise AssertionError(f"ended without {event}: {self.lines[-3:]}")

    async def ended(self) -> int:
        """Reads the rest of the log; returns the exit code."""
        assert self.process.stderr is not None
        rest = await self.process.stderr.read()
        self.lines += [json.loads(line) for line in rest.splitlines()]
        return await self.process.wait()

    async def submit(self, *containers: str, **data: Any) -> str:
        body = {"containers": containers, "data": data}
        async with self.session.post(f"{self.url}/api/jobs", json=body) as response:
            return str((await response.json())["id"])

    async def jobs(self, *ids: str) -> list[dict[str, Any]]:
        query = {"id": list(ids), "intermediate": "true"}
        async with self.session.get(f"{self.url}/api/jobs", params=query) as response:
            return list(await response.json())

    async def finished(self, *ids: str) -> list[dict[str, Any]]:
        while True:
            jobs = await self.jobs(*ids)
            if all(job["status"] != "running" for job in jobs):
                return jobs
            await asyncio.sleep(0.01)


def configure(directory: Path, config: Mapping[str, Any]) -> Path:
    document = {
        "log": {"path": str(directory / "node.log")},
        "server": {
            "host": "127.0.0.1",
            "port": 0,
            "rate_limit": {"num_requests": 100_000, "period": 1},
        },
        **config,
    }
    path = directory / "config.json"
    path.write_text(json.dumps(document))
    return path


@asynccontextmanager
async def started(path: Path, **environ: str) -> AsyncIterator[NodeProcess]:
    """Runs a node until the block ends, and kills it then if it still runs."""
    process = await asyncio.create_subprocess_exec(
        str(BIN / "infernet-node"),
        "run",
        "--config",
        str(path),
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": "/usr/bin:/bin", **environ},
    )
    try:
        async with aiohttp.ClientSession() as session:
            node = NodeProcess(process, session)
            node.url = f"http://127.0.0.1:{(await node.until('listening'))['port']}"
            yield node
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
