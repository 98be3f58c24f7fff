"""A node in several processes, as operators start it."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from scripts.processes import die_with_parent
from test.support.node_process import BIN
from test.support.waiting import eventually, until


@dataclass
class Replica:
    """One process of a fleet."""

    process: asyncio.subprocess.Process
    log: Path
    session: aiohttp.ClientSession
    url: str = ""

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What it has logged so far."""
        text = self.log.read_text() if self.log.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def logged(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["event"] == event]

    async def until_logged(self, event: str) -> dict[str, Any]:
        await until(lambda: bool(self.logged(event)) or self.process.returncode is not None)
        found = self.logged(event)
        assert found, f"ended without {event}: {self.lines[-3:]}"
        return found[-1]

    async def kill(self) -> None:
        """SIGKILL: nothing is tidied up."""
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> int:
        """SIGTERM, and its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return await self.process.wait()

    async def get(self, path: str, **query: Any) -> tuple[int, Any]:
        async with self.session.get(self.url + path, params=query) as response:
            return response.status, await response.json()

    async def figure(self, name: str) -> float:
        """A figure of ``/metrics``, summed over its labels."""
        async with self.session.get(f"{self.url}/metrics") as response:
            lines = (await response.text()).splitlines()
        values = [line for line in lines if line.partition(" ")[0].partition("{")[0] == name]
        return sum(float(line.rpartition(" ")[2]) for line in values)

    async def post(self, path: str, body: Any = None) -> tuple[int, Any]:
        async with self.session.post(self.url + path, json=body) as response:
            return response.status, await response.json()

    async def submit(self, *containers: str, **data: Any) -> str:
        body = {"containers": containers, "data": data}
        async with self.session.post(f"{self.url}/api/jobs", json=body) as response:
            assert response.status == 200, await response.text()
            return str((await response.json())["id"])

    async def jobs(self, *ids: str) -> list[dict[str, Any]]:
        query = {"id": list(ids), "intermediate": "true"}
        async with self.session.get(f"{self.url}/api/jobs", params=query) as response:
            return list(await response.json())

    async def finished(self, *ids: str) -> list[dict[str, Any]]:
        """Waits for the results of jobs, in the order asked for."""

        async def all_ended() -> bool:
            return all(job["status"] != "running" for job in await self.jobs(*ids))

        await eventually(all_ended)
        found = {job["id"]: job for job in await self.jobs(*ids)}
        return [found[job_id] for job_id in ids]


@dataclass
class Fleet:
    """Processes over one store, started one by one."""

    folder: Path
    config: Mapping[str, Any]
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _started: int = 0

    async def start(self, role: str, **changes: Any) -> Replica:
        """Starts a process and returns when it answers.

        Args:
            changes: sections of its configuration that differ from those of the others.
        """
        self._started += 1
        folder = self.folder / f"{self._started}-{role}"
        folder.mkdir()
        path = folder / "config.json"
        path.write_text(json.dumps({**self.config, **changes, "log": {"path": "node.log"}}))
        output = self._stack.enter_context((folder / "output").open("wb"))
        process = await asyncio.create_subprocess_exec(
            *(str(BIN / "infernet-node"), role, "--config", str(path)),
            cwd=folder,
            stderr=output,
            env={"PATH": os.environ["PATH"]},
            preexec_fn=die_with_parent,
        )
        self._stack.push_async_callback(_end, process)
        session = await self._stack.enter_async_context(aiohttp.ClientSession())
        replica = Replica(process, folder / "node.log", session)
        listening = await replica.until_logged("listening")
        replica.url = f"http://127.0.0.1:{listening['port']}"
        return replica

    async def start_all(self, *roles: str) -> list[Replica]:
        return list(await asyncio.gather(*(self.start(role) for role in roles)))


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
        await process.wait()


@asynccontextmanager
async def fleet_of(folder: Path, config: Mapping[str, Any]) -> AsyncIterator[Fleet]:
    """Ends the processes that are left when the block ends."""
    server = {
        "host": "127.0.0.1",
        "port": 0,
        "rate_limit": {"num_requests": 100_000, "period": 1},
    }
    fleet = Fleet(folder, {"server": server, **config})
    async with fleet._stack:
        yield fleet
