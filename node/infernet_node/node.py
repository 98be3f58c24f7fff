"""Puts the parts of a node together, runs them, and takes them apart in the right order."""

import asyncio
import socket
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import structlog

from infernet_node.api.app import create_app
from infernet_node.api.identity import own_networks
from infernet_node.api.rate_limit import RateLimiter
from infernet_node.api.services import ChainAccess, Services
from infernet_node.chain.key_lock import KeyInUseError, key_lock
from infernet_node.chain.metrics import ChainMetrics
from infernet_node.chain.service import ChainService
from infernet_node.config import Config
from infernet_node.containers.calls import ContainerClient
from infernet_node.containers.docker import DockerEngine, EngineError
from infernet_node.containers.endpoint import Endpoint, endpoints_of
from infernet_node.containers.foreign import ForeignContainers
from infernet_node.containers.managed import ManagedContainers
from infernet_node.containers.plan import assign_ports
from infernet_node.containers.process import LocalProcesses
from infernet_node.jobs import Jobs
from infernet_node.metrics import Metrics
from infernet_node.pipeline import Pipeline
from infernet_node.ports import ContainerKeeper
from infernet_node.server import HttpServer, listen, require_usable
from infernet_node.store.database import Database, StoreError
from infernet_node.store.jobs import JobStore
from infernet_node.store.retention import delete_old_jobs
from infernet_node.streams import Streams
from infernet_node.supervision import StopRequest, keep_running

_LOG = structlog.get_logger(__name__)


class StartError(Exception):
    """The node cannot start; names the setting and the fix."""

    code = "start_failed"


async def run_node(
    config: Config,
    *,
    runtime: str | None,
    stop: StopRequest,
    on_listening: Callable[[int], None] = lambda _port: None,
) -> None:
    """Runs a node until it is asked to stop, then lets running work finish.

    Args:
        runtime: the environment variable ``RUNTIME``.
        on_listening: told the port of the REST interface once it answers.

    Raises:
        StartError: if a setting does not work out on this machine.
        ListenError: if the port is not free, or the certificate cannot be used.
    """
    config = _with_distinct_ports(config)
    async with AsyncExitStack() as stack:
        # The port comes first: it keeps a second node away from the rows of this one.
        listener = stack.enter_context(listen(config.server))
        if config.server.tls:
            require_usable(config.server.tls)
        services = await assemble(config, runtime, stack)
        limiter = RateLimiter(config.server.rate_limit)
        await serve(services, limiter, listener, stop, on_listening)


async def assemble(config: Config, runtime: str | None, stack: AsyncExitStack) -> Services:
    """Makes the parts of a node, which end when ``stack`` is closed.

    Raises:
        StartError: if the store cannot be opened.
    """
    metrics = Metrics()
    database = await _open_store(config, metrics)
    stack.push_async_callback(database.close)
    client = await ContainerClient.open(config.jobs.max_answer_bytes)
    stack.push_async_callback(client.close)
    endpoints = endpoints_of(config.containers, runtime)
    pipeline = Pipeline(endpoints, client, metrics)
    store = JobStore(database)
    chain = _chain(config, pipeline, database, metrics, stack) if config.chain.enabled else None
    if chain:
        stack.push_async_callback(chain.port.close)
    reporters, operators = config.server.status_allowed_ips, config.server.operator_ips
    return Services(
        config=config,
        jobs=Jobs(store, pipeline, config.jobs, metrics=metrics),
        streams=Streams(store, pipeline, config.jobs, metrics=metrics),
        store=store,
        client=client,
        endpoints=endpoints,
        status_networks=own_networks(runtime) if reporters is None else reporters,
        operator_networks=own_networks(runtime) if operators is None else operators,
        metrics=metrics,
        keepers=await _keepers(config, client, endpoints, runtime, stack),
        chain=chain,
    )


async def serve(
    services: Services,
    limiter: RateLimiter,
    listener: socket.socket,
    stop: StopRequest,
    on_listening: Callable[[int], None],
) -> None:
    """Takes up interrupted jobs, answers requests until ``stop``, and finishes what runs."""
    config = services.config
    # Before any new job has a row, so that none is taken for one of an earlier process.
    resumed = await services.jobs.resume()
    _watch(services)
    server = HttpServer(create_app(services, limiter), config.server.tls)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    background: list[asyncio.Task[Any]] = [
        asyncio.create_task(work) for work in _background(services)
    ]
    host, port = listener.getsockname()[:2]
    _LOG.info("listening", host=host, port=port, resumed_jobs=resumed)
    on_listening(port)
    stopping: asyncio.Task[Any] = asyncio.create_task(stop.made.wait())
    await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
    grace = config.jobs.drain_timeout
    _LOG.info("stopping", grace=grace)
    background.append(stopping)
    for task in background:
        task.cancel()
    # The server goes last: results can be fetched while work is being finished.
    await asyncio.gather(
        services.jobs.close(grace, stop.urgent), services.streams.close(grace, stop.urgent)
    )
    await asyncio.wait(background)
    services.store.changes.close()
    server.stop()
    await serving
    _LOG.info("stopped")


def _watch(services: Services) -> None:
    """Lets figures that are not counted be read where they are."""
    metrics, jobs, limits = services.metrics, services.jobs, services.config.jobs
    metrics.watch("jobs_running", "Jobs in their containers now.", lambda: jobs.running)
    metrics.watch("jobs_running_limit", "Most at the same time.", lambda: limits.max_running)
    metrics.watch("jobs_waiting", "Jobs accepted and not started.", lambda: jobs.waiting)
    metrics.watch("jobs_pending_limit", "Most running or waiting.", lambda: limits.max_pending)
    metrics.watch("streams_open", "Streams being sent now.", lambda: services.streams.running)
    metrics.watch("followers", "Clients that follow a job.", lambda: len(services.store.changes))
    metrics.watch_containers(services.known, services.is_running)
    if chain := services.chain:
        ready = "Whether the chain work goes on: 1 or 0."
        metrics.watch("chain_ready", ready, lambda: chain.port.status == "ready")


def _with_distinct_ports(config: Config) -> Config:
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


async def _keepers(
    config: Config,
    client: ContainerClient,
    endpoints: Mapping[str, Endpoint],
    runtime: str | None,
    stack: AsyncExitStack,
) -> list[ContainerKeeper]:
    keepers: list[ContainerKeeper] = []
    if config.managed_containers:
        keepers.append(await _docker(config, client, endpoints, runtime, stack))
    if local := config.local_containers:
        keepers.append(LocalProcesses(client, local, endpoints, patience=config.startup_wait))
    period, foreign = config.jobs.health_check_period, config.foreign_containers
    if period and foreign:
        ids = [container.id for container in foreign]
        keepers.append(ForeignContainers(endpoints, ids, period))
    for keeper in keepers:
        stack.push_async_callback(keeper.close)
    return keepers


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


def _background(services: Services) -> list[Coroutine[Any, Any, None]]:
    store, limits = services.store, services.config.jobs
    work = [delete_old_jobs(store, retention=limits.retention, max_finished=limits.max_finished)]
    work += [keep_running("containers", keeper.run) for keeper in services.keepers]
    if services.chain:
        work.append(keep_running("chain", services.chain.port.run))
    return work


def _chain(
    config: Config,
    pipeline: Pipeline,
    database: Database,
    metrics: Metrics,
    stack: AsyncExitStack,
) -> ChainAccess:
    figures = ChainMetrics(metrics.registry)
    service = ChainService(config.chain, config.containers, pipeline.run, database, figures)
    wallet = config.chain.wallet
    keystore = wallet.keystore if wallet else None
    folder = Path(keystore or config.log.path).parent
    try:
        stack.enter_context(key_lock(folder, service.address))
    except KeyInUseError as error:
        raise StartError(str(error)) from error
    except OSError as error:
        raise StartError(f"no lock file can be made in {folder}: {error.strerror}") from error
    return ChainAccess(service, service.lookup.containers)


async def _open_store(config: Config, metrics: Metrics) -> Database:
    try:
        return await Database.open(config.store_url, metrics)
    except StoreError as error:
        raise StartError(f"store.url: {error}") from error
