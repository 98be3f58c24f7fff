"""Containers that are processes of this machine, for development without Docker.

A process is started with the ``process`` line of its container, kept running, and ended with the
node: by SIGTERM when the node stops, and by the kernel (Linux) when the node is killed.
"""

import asyncio
import ctypes
import os
import shlex
import signal
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import structlog

from infernet_node.config import ContainerConfig
from infernet_node.containers.calls import ContainerClient
from infernet_node.containers.endpoint import Endpoint

_LOG = structlog.get_logger(__name__)
_ASK_EVERY = 0.1
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 60.0
_STOP_GRACE = 10.0
_PR_SET_PDEATHSIG = 1
_OURS = "INFERNET_"


class LocalProcesses:
    """Keeps processes running, each by a task of its own.

    Args:
        containers: with ``process`` set, and a port of their own.
        patience: seconds after which a process that does not answer is worth a warning.
    """

    def __init__(
        self,
        client: ContainerClient,
        containers: Iterable[ContainerConfig],
        endpoints: Mapping[str, Endpoint],
        *,
        patience: float,
    ) -> None:
        self._client = client
        self._containers = tuple(containers)
        self._ids = {container.id for container in self._containers}
        self._endpoints = endpoints
        self._patience = patience
        self._up: set[str] = set()
        self._running: dict[str, asyncio.subprocess.Process] = {}

    def is_down(self, container_id: str) -> bool:
        """Whether a container is one of these and does not answer now."""
        return container_id not in self._up and container_id in self._ids

    async def run(self) -> None:
        """Keeps them running until cancelled."""
        async with asyncio.TaskGroup() as group:
            for container in self._containers:
                group.create_task(self._keep(container))

    async def close(self) -> None:
        """Ends all of them at the same time: by SIGTERM, and after 10 s by SIGKILL."""
        await asyncio.gather(*(_end(process) for process in self._running.values()))

    async def _keep(self, container: ContainerConfig) -> None:
        pause = _FIRST_PAUSE
        while True:
            try:
                process = await _start(container)
                self._running[container.id] = process
                if await self._answers_before_it_ends(container, process):
                    pause = _FIRST_PAUSE
                status = await process.wait()
                _LOG.warning(
                    "process_ended", container=container.id, status=status, restart_in=pause
                )
            except OSError as error:
                reason = error.strerror or str(error)
                _LOG.error(
                    "process_not_started", container=container.id, reason=reason, retry_in=pause
                )
            finally:
                self._up.discard(container.id)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _answers_before_it_ends(
        self, container: ContainerConfig, process: asyncio.subprocess.Process
    ) -> bool:
        loop = asyncio.get_running_loop()
        warn_at = loop.time() + self._patience
        while process.returncode is None:
            if await self._client.answers(self._endpoints[container.id]):
                self._up.add(container.id)
                _LOG.info("process_running", container=container.id, port=container.port)
                return True
            if loop.time() > warn_at:
                _LOG.warning("process_does_not_answer_yet", container=container.id)
                warn_at = loop.time() + _LONGEST_PAUSE
            await asyncio.sleep(_ASK_EVERY)
        return False


def command_of(container: ContainerConfig) -> list[str]:
    """Returns program and arguments; ``{port}`` in the line stands for the container's port."""
    port = str(container.port)
    return [word.replace("{port}", port) for word in shlex.split(container.process)]


def environment_of(container: ContainerConfig, inherited: Mapping[str, str]) -> dict[str, str]:
    """Returns what a process finds: our environment without our secrets, and its own ``env``.

    Programs of the Python environment that the node runs in come first.
    """
    ours = {name: v for name, v in inherited.items() if not name.startswith(_OURS)}
    path = os.pathsep.join((str(Path(sys.executable).parent), ours.get("PATH", os.defpath)))
    own = {name: str(value) for name, value in container.env.items()}
    return {**ours, "PATH": path, **own}


async def _start(container: ContainerConfig) -> asyncio.subprocess.Process:
    program, *arguments = command_of(container)
    return await asyncio.create_subprocess_exec(
        program,
        *arguments,
        env=environment_of(container, os.environ),
        stdin=asyncio.subprocess.DEVNULL,
        # A group of its own: what it starts is ended with it, and Ctrl-C reaches the node alone.
        start_new_session=True,
        preexec_fn=_die_with_parent if sys.platform == "linux" else None,
    )


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    _signal_group(process, signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), _STOP_GRACE)
    except TimeoutError:
        _signal_group(process, signal.SIGKILL)
        await process.wait()


def _signal_group(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    # It may be gone by itself since we looked.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
