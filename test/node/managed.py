"""A node with one container that it has Docker run, against an engine on paper."""

import asyncio
from collections.abc import Sequence
from typing import Any

from test.support.container import ScriptedContainer
from test.support.node import NodeUnderTest

IMAGE = "docker.io/acme/upper:1"


def config(container: ScriptedContainer, **changes: Any) -> dict[str, Any]:
    section = {"id": "one", "image": "acme/upper:1", "port": container.port, **changes}
    return {"containers": [section], "jobs": {"drain_timeout": 0}}


async def ready(node: NodeUnderTest) -> None:
    """Returns once all that the node needs is there."""
    await _status(node, 200)


async def down(node: NodeUnderTest) -> None:
    """Returns once something is missing."""
    await _status(node, 503)


async def _status(node: NodeUnderTest, wanted: int) -> None:
    while True:
        if (await node.get("/health/ready"))[0] == wanted:
            return
        await asyncio.sleep(0.002)


def printed(log: Sequence[Any]) -> list[tuple[str, str]]:
    """Returns which container printed what, as the log has it."""
    return [(e["container"], e["line"]) for e in log if e["event"] == "container_output"]
