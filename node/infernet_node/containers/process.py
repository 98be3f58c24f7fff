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

from infernet_node.config import ContainerConfig
from infernet_node.containers.calls import ContainerClient
from infernet_node.containers.endpoint import Endpoint
from infernet_node.containers.keeping import Keeping, NotRunningError

_STOP_GRACE = 10.0
_PR_SET_PDEATHSIG = 1
_OURS = "INFERNET_"


class LocalProcesses(Keeping):
    """Keeps processes running.

    Args:
        containers: with ``process`` set, and a port of their own.
        patience: as for :class:`Keeping`.
    """

    def __init__(
        self,
        client: ContainerClient,
        containers: Iterable[ContainerConfig],
        endpoints: Mapping[str, Endpoint],
        *,
        patience: float,
    ) -> None:
        super().__init__(client, containers, endpoints, patience)
        self._running: dict[str, asyncio.subprocess.Process] = {}

    async def close(self) -> None:
        """Ends all of them at the same time: by SIGTERM, and after 10 s by SIGKILL."""
        await asyncio.gather(*(_end(process) for process in self._running.values()))

    async def _live(self, container: ContainerConfig) -> str | None:
        try:
            process = await _start(container)
        except OSError as error:
            raise NotRunningError(error.strerror or str(error)) from None
        self._running[container.id] = process

        async def is_alive() -> bool:
            return process.returncode is None

        await self._until_it_answers(container, is_alive)
        return str(await process.wait())


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
