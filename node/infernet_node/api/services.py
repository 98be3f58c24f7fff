"""What the routes need to do their work."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from infernet_node.config import Config, ContainerConfig
from infernet_node.config.types import IPNetwork
from infernet_node.containers.calls import ContainerClient
from infernet_node.containers.endpoint import Endpoint
from infernet_node.jobs import Jobs
from infernet_node.metrics import Metrics
from infernet_node.ports import ChainPort, ContainerKeeper
from infernet_node.store.jobs import JobStore
from infernet_node.streams import Streams


@dataclass(frozen=True, slots=True)
class ChainAccess:
    """The chain half, and the way from a container hash to its containers."""

    port: ChainPort
    pipeline_of: Callable[[bytes], Sequence[str] | None]


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of a node that requests reach."""

    config: Config
    jobs: Jobs
    streams: Streams
    store: JobStore
    client: ContainerClient
    endpoints: Mapping[str, Endpoint]
    status_networks: Sequence[IPNetwork]
    """Who may report a status."""
    operator_networks: Sequence[IPNetwork]
    """Who may see the figures of the node, and containers that are not external."""
    metrics: Metrics
    keepers: Sequence[ContainerKeeper] = ()
    """Of the containers that the node starts itself."""
    chain: ChainAccess | None = None
    """``None`` when the chain is not enabled."""
    clock: Callable[[], float] = time.time

    @property
    def known(self) -> dict[str, ContainerConfig]:
        """The configured containers by id."""
        return {container.id: container for container in self.config.containers}

    def is_running(self, container_id: str) -> bool:
        """Whether a container can be asked; of those that others started, nobody knows better."""
        return not any(keeper.is_down(container_id) for keeper in self.keepers)
