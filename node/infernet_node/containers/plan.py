"""What is asked of Docker for a container, as pure functions of its configuration."""

import hashlib
import json
import re
import shlex
from collections.abc import Iterable
from typing import Any

from infernet_node.config import ContainerConfig

SETTINGS_LABEL = "org.infernet.settings"
"""Label of containers that this node made: a hash of what they were made from."""

CONTAINER_PORT = "3000/tcp"
_HIGHEST_FREE_PORT = 3999
_HOST = re.compile(r"[^/]*[.:][^/]*|localhost")


def assign_ports(
    managed: Iterable[ContainerConfig], occupied: Iterable[int]
) -> tuple[dict[str, int], list[str]]:
    """Gives each managed container a host port of its own.

    The first to ask for a port keeps it; a later one gets the highest free one from 3999 down.

    Args:
        occupied: ports that none may have, such as the REST interface's.

    Returns:
        Ports by container id, and a warning for each container that got another port.
    """
    taken = set(occupied)
    ports: dict[str, int] = {}
    warnings: list[str] = []
    for container in managed:
        port = container.port
        if port in taken:
            port = next(p for p in range(_HIGHEST_FREE_PORT, 0, -1) if p not in taken)
            warnings.append(f"container {container.id}: port {container.port} is taken, has {port}")
        taken.add(port)
        ports[container.id] = port
    return ports, warnings


def image_reference(image: str) -> str:
    """Returns the full name of an image: with its registry, and a tag unless it has a digest."""
    registry, slash, rest = image.partition("/")
    if not slash:
        image = f"docker.io/library/{image}"
    elif not _HOST.fullmatch(registry):
        image = f"docker.io/{image}"
    else:
        image = f"{registry}/{rest}"
    last = image.rpartition("/")[2]
    return image if ":" in last or "@" in last else f"{image}:latest"


def creation_request(container: ContainerConfig, publish_on: str) -> dict[str, Any]:
    """Returns the body of Docker's ``POST /containers/create``.

    Args:
        container: with the port it got.
        publish_on: address of the host on which that port is opened.
    """
    binding = {"HostIp": publish_on, "HostPort": str(container.port)}
    host: dict[str, Any] = {
        "PortBindings": {CONTAINER_PORT: [binding]},
        "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 5},
        "Binds": list(container.volumes),
    }
    if container.gpu:
        host["DeviceRequests"] = [{"Driver": "nvidia", "Count": -1, "Capabilities": [["gpu"]]}]
    request: dict[str, Any] = {
        "Image": image_reference(container.image),
        "Env": [f"{name}={value}" for name, value in container.env.items()],
        "ExposedPorts": {CONTAINER_PORT: {}},
        "HostConfig": host,
    }
    if container.command:
        request["Cmd"] = shlex.split(container.command)
    text = json.dumps(request, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return {**request, "Labels": {SETTINGS_LABEL: digest}}


def published_ports(inspected: dict[str, Any]) -> list[int]:
    """Returns the host ports under which a container's port 3000 is reached."""
    bindings = inspected.get("HostConfig", {}).get("PortBindings") or {}
    return [int(b["HostPort"]) for b in bindings.get(CONTAINER_PORT) or [] if b.get("HostPort")]
