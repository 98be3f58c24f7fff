"""What the routes need to do their work."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from infernet_node.config import Config, ContainerConfig, Role
from infernet_node.config.types import IPNetwork
from infernet_node.containers.calls import ContainerClient
from infernet_node.containers.endpoint import Endpoint
from infernet_node.fleet.membership import Membership
from infernet_node.intake import JobDesk
from infernet_node.metrics import Metrics
from infernet_node.ports import ChainPort, ContainerKeeper
from infernet_node.store.jobs import JobStore
from infernet_node.streams import Streams


@dataclass(frozen=True, slots=True)
class ChainAccess:
    """The chain half, and the way from a container hash to its containers."""

    port: ChainPort
    pipeline_of: Callable[[bytes], Sequence[str] | None]
    remark: Callable[[], str | None] = lambda: None
    """What operators may like to know of it although it is no trouble."""


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of a node that requests reach."""

    config: Config
    jobs: JobDesk
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
    role: Role = Role.RUN
    membership: Membership | None = None
    """``None`` for a process that has its store for itself."""
    clock: Callable[[], float] = time.time

    @property
    def known(self) -> dict[str, ContainerConfig]:
        """The configured containers by id."""
        return {container.id: container for container in self.config.containers}

    @property
    def remarks(self) -> dict[str, str]:
        """What is slower than it could be, or done elsewhere, and keeps nothing from its work."""
        found = {
            "broker": self.membership and self.membership.bus.trouble,
            "workers": self.membership and self.membership.unserved.remark,
            "chain": self.chain and self.chain.remark(),
        }
        return {subject: text for subject, text in found.items() if text}

    def is_running(self, container_id: str) -> bool:
        """Whether a container can be asked; of those that others started, nobody knows better."""
        return not any(keeper.is_down(container_id) for keeper in self.keepers)
