"""Nodes in processes of their own that work on a chain, and the container that they ask."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from aiohttp import web

from infernet_protocol.messages import JobLocation
from infernet_protocol.output import decode_text
from scripts.processes import Process, answers, free_port
from scripts.stack import BIN, ROOT
from test.node.chain.world import CONTAINER, NODE_KEY, Log, onchain_answer

START_SECONDS = 60
PROOF = "c0ffee"
_NODE = (str(BIN / "infernet-node"),)


async def echo_on_chain(request: web.Request) -> web.StreamResponse:
    """Answers ``echo: <question>`` as a contract wants it, with a proof where one is asked."""
    job = await request.json()
    answer = onchain_answer(f"echo: {question_of(job)}")
    return web.json_response(answer | {"proof": PROOF if job["requires_proof"] else None})


def held(gate: asyncio.Event) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """A container's answer that waits for a gate."""

    async def answer(request: web.Request) -> web.StreamResponse:
        await gate.wait()
        return await echo_on_chain(request)

    return answer


def question_of(job: dict[str, Any]) -> str:
    """Returns the text that a container is asked, whichever way it came."""
    if job["source"] == JobLocation.OFFCHAIN:
        return str(job["data"]["text"])
    return decode_text(bytes.fromhex(job["data"])) if job["data"] else "(no input)"


@dataclass
class ChainNode:
    """A node that can be started, killed and started again over the same files.

    Attributes:
        container_url: where its only container is.
        program: what runs it, up to and without ``run``.
    """

    folder: Path
    rpc_url: str
    registry: str
    container_url: str
    key: str = NODE_KEY
    wallet: dict[str, Any] = field(default_factory=dict)
    container: dict[str, Any] = field(default_factory=dict)
    program: Sequence[str] = _NODE
    url: str = ""
    process: Process = field(init=False)

    @property
    def database(self) -> Path:
        return self.folder / "node.sqlite"

    def start(self, **environ: str) -> None:
        """Starts a process, and returns when it serves REST."""
        self.begin(**environ)
        self.process.wait_until(lambda: answers(f"{self.url}/health"), START_SECONDS)

    def begin(self, **environ: str) -> None:
        """Starts a process without waiting for anything."""
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.folder.mkdir(exist_ok=True)
        path = self.folder / "config.json"
        path.write_text(json.dumps(self._config(port)))
        self.process = Process.start(
            "node",
            [*self.program, "run", "--config", str(path)],
            log=self.folder / "output.log",
            env=environ,
            cwd=ROOT,
        )

    def _config(self, port: int) -> dict[str, Any]:
        return {
            "manage_containers": False,
            "log": {"path": str(self.folder / "node.log")},
            "server": {
                "port": port,
                "host": "127.0.0.1",
                "rate_limit": {"num_requests": 100_000, "period": 1},
            },
            "store": {"url": f"sqlite+aiosqlite:///{self.database}"},
            "chain": {
                "enabled": True,
                "rpc_url": self.rpc_url,
                "trail_head_blocks": 0,
                "registry_address": self.registry,
                "wallet": {"private_key": self.key, **self.wallet},
                "snapshot_sync": {"sync_period": 0.02},
            },
            "containers": [{"id": CONTAINER, "url": self.container_url, **self.container}],
        }

    @property
    def ready(self) -> bool:
        """Whether it says so itself."""
        try:
            return requests.get(f"{self.url}/health/ready", timeout=5).ok
        except requests.RequestException:
            return False

    @property
    def log(self) -> Log:
        """What all its processes have logged."""
        lines = (self.folder / "output.log").read_text().splitlines()
        # A killed process may leave half a line.
        return Log([json.loads(line) for line in lines if line.endswith("}")])


def python_module(name: str) -> Sequence[str]:
    """Returns the start of a command line that runs a module as a program."""
    return (sys.executable, "-m", name)
