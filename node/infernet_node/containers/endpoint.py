"""Where a container is reached, and how."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from yarl import URL

from infernet_node.config import ContainerConfig, ContainerTimeouts


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A container as a server of HTTP."""

    id: str
    base: URL = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    timeouts: ContainerTimeouts

    @property
    def service_output(self) -> URL:
        return self.base / "service_output"

    @property
    def service_resources(self) -> URL:
        return self.base / "service-resources"


def endpoints_of(containers: Iterable[ContainerConfig], runtime: str | None) -> dict[str, Endpoint]:
    """Returns the endpoint of each container by id.

    Args:
        runtime: the environment variable ``RUNTIME``; ``docker`` says that the node itself runs
            in a container and reaches published ports through its host.
    """
    host = "host.docker.internal" if runtime == "docker" else "localhost"
    return {c.id: _endpoint(c, "127.0.0.1" if c.process else host) for c in containers}


def _endpoint(container: ContainerConfig, host: str) -> Endpoint:
    headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
    if bearer := container.bearer.get_secret_value():
        headers["Authorization"] = f"Bearer {bearer}"
    base = URL(container.url or f"http://{host}:{container.port}")
    return Endpoint(container.id, base, headers, container.timeouts)
