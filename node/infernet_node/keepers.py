"""Who starts and watches the containers of a configuration."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack

import structlog

from infernet_node.config import Config
from infernet_node.containers.calls import ContainerClient
from infernet_node.containers.docker import DockerEngine, EngineError
from infernet_node.containers.endpoint import Endpoint
from infernet_node.containers.foreign import ForeignContainers
from infernet_node.containers.managed import ManagedContainers
from infernet_node.containers.plan import assign_ports
from infernet_node.containers.process import LocalProcesses
from infernet_node.ports import ContainerKeeper
from infernet_node.start_error import StartError

_LOG = structlog.get_logger(__name__)


def with_distinct_ports(config: Config) -> Config:
    """Gives what the node starts ports that neither they nor its own API share."""
    started = (*config.managed_containers, *config.local_containers)
    ports, warnings = assign_ports(started, [config.server.port])
    for warning in warnings:
        _LOG.warning("port_changed", warning=warning)
    containers = tuple(
        container.model_copy(update={"port": ports.get(container.id, container.port)})
        for container in config.containers
    )
    return config.model_copy(update={"containers": containers})


async def keepers_of(
    config: Config,
    client: ContainerClient,
    endpoints: Mapping[str, Endpoint],
    runtime: str | None,
    stack: AsyncExitStack,
) -> list[ContainerKeeper]:
    """Returns those who start containers or watch them; they end when ``stack`` is closed.

    Raises:
        StartError: if containers cannot be started on this machine.
    """
    keepers: list[ContainerKeeper] = []
    if config.managed_containers:
        keepers.append(await _docker(config, client, endpoints, runtime, stack))
    if local := config.local_containers:
        keepers.append(LocalProcesses(client, local, endpoints, patience=config.startup_wait))
    keepers += watchers_of(config, endpoints, [c.id for c in config.foreign_containers])
    for keeper in keepers:
        stack.push_async_callback(keeper.close)
    return keepers


def watchers_of(
    config: Config, endpoints: Mapping[str, Endpoint], ids: Sequence[str]
) -> list[ContainerKeeper]:
    """Returns those who see whether containers can be reached that this process did not start."""
    period = config.jobs.health_check_period
    return [ForeignContainers(endpoints, ids, period)] if period and ids else []


async def _docker(
    config: Config,
    client: ContainerClient,
    endpoints: Mapping[str, Endpoint],
    runtime: str | None,
    stack: AsyncExitStack,
) -> ManagedContainers:
    try:
        engine = await DockerEngine.connect(config.docker)
        stack.push_async_callback(engine.close)
        publish_on = config.publish_on or await _address_for(runtime, engine)
    except EngineError as error:
        names = ", ".join(container.id for container in config.managed_containers)
        raise StartError(
            f"manage_containers: {names} cannot be started: {error}; start Docker, or start them "
            "yourself and set manage_containers to false or give the url of each"
        ) from None
    return ManagedContainers(
        engine,
        client,
        config.managed_containers,
        endpoints,
        publish_on=publish_on,
        patience=config.startup_wait,
        copies_output=config.log.containers,
    )


async def _address_for(runtime: str | None, engine: DockerEngine) -> str:
    """Where only this machine, or only its containers, reach what is published."""
    if runtime != "docker":
        return "127.0.0.1"
    gateway = await engine.bridge_gateway()
    if gateway is None:
        raise StartError("publish_on: Docker has no default network here; name an address")
    return gateway
