"""A node with one container that it has Docker run, against an engine on paper."""

from collections.abc import Sequence
from typing import Any

from test.support.container import ScriptedContainer
from test.support.node import NodeUnderTest
from test.support.waiting import eventually

IMAGE = "docker.io/acme/upper:1"


def config(container: ScriptedContainer, **changes: Any) -> dict[str, Any]:
    section = {"id": "one", "image": "acme/upper:1", "port": container.port, **changes}
    return {"containers": [section], "jobs": {"drain_timeout": 0}}


async def ready(node: NodeUnderTest) -> None:
    """Returns once all that the node needs is there."""

    async def is_ready() -> bool:
        return (await node.get("/health/ready"))[0] == 200

    await eventually(is_ready)


def printed(log: Sequence[Any]) -> list[tuple[str, str]]:
    """Returns which container printed what, as the log has it."""
    return [(e["container"], e["line"]) for e in log if e["event"] == "container_output"]
