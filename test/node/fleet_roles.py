"""Nodes in several roles over one store, each in this process."""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

from infernet_node.config import Role
from test.support.container import ScriptedContainer
from test.support.node import NodeUnderTest, running_node
from test.support.waiting import until

OFTEN = 0.05
"""Seconds between two looks at the store."""


class Processes:
    """Nodes that share a store and a configuration."""

    def __init__(self, folder: Path, store: str, *containers: ScriptedContainer) -> None:
        self.config: dict[str, Any] = {
            "store": {"url": store},
            "containers": [
                {"id": id, "url": container.url}
                for id, container in zip("ab", containers, strict=False)
            ],
            "fleet": {"channel": f"test-{uuid4().hex[:12]}", "sweep_period": OFTEN},
            "jobs": {"drain_timeout": 0},
        }
        self.stack = AsyncExitStack()
        self._folder = folder
        self._number = 0

    async def start(
        self, role: Role, *, stack: AsyncExitStack | None = None, **changes: Any
    ) -> NodeUnderTest:
        """Starts one; it ends with ``stack``, by default with all others."""
        self._number += 1
        folder = self._folder / str(self._number)
        folder.mkdir()
        config = {**self.config, **changes}
        running = running_node(config, folder, role=role)
        return await (stack or self.stack).enter_async_context(running)

    async def woken_only(self, *nodes: NodeUnderTest) -> None:
        """Returns once all of them hear each other."""
        for node in nodes:
            assert node.services.membership is not None
            bus = node.services.membership.bus
            await until(lambda bus=bus: bus.connected)  # type: ignore[misc]


async def figure(node: NodeUnderTest, name: str) -> float:
    """A figure of ``/metrics``, summed over its labels."""
    async with node.session.get(f"{node.url}/metrics") as response:
        lines = (await response.text()).splitlines()
    values = [line for line in lines if line.partition(" ")[0].partition("{")[0] == name]
    return sum(float(line.rpartition(" ")[2]) for line in values)
