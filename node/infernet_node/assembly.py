"""Puts the parts of a process together, according to its role."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import uuid4

from sqlalchemy.engine import make_url

from infernet_node.api.identity import own_networks
from infernet_node.api.services import Services
from infernet_node.chain_access import ChainParts, chain_access
from infernet_node.config import Config, Role
from infernet_node.containers.calls import ContainerClient
from infernet_node.containers.endpoint import Endpoint, endpoints_of
from infernet_node.fleet.brokers import BrokerMissingError, broker_of
from infernet_node.fleet.bus import WakeUpBus
from infernet_node.fleet.dispatch import Dispatch
from infernet_node.fleet.membership import Membership
from infernet_node.jobs import Jobs
from infernet_node.keepers import keepers_of, watchers_of
from infernet_node.metrics import Metrics
from infernet_node.pipeline import Pipeline
from infernet_node.ports import ContainerKeeper
from infernet_node.process_lock import LockedError, process_lock
from infernet_node.start_error import StartError
from infernet_node.store.database import Database, StoreError
from infernet_node.store.jobs import JobStore
from infernet_node.store.leases import Leases
from infernet_node.streams import Streams


async def assemble(
    config: Config, runtime: str | None, stack: AsyncExitStack, role: Role = Role.RUN
) -> Services:
    """Makes the parts of a process, which end when ``stack`` is closed.

    Raises:
        StartError: if the store cannot be opened, or a setting does not work out here.
    """
    metrics = Metrics()
    database = await _open_store(config, metrics, stack)
    client = await ContainerClient.open(config.jobs.max_answer_bytes)
    stack.push_async_callback(client.close)
    endpoints = endpoints_of(config.containers, runtime)
    pipeline = Pipeline(endpoints, client, metrics)
    bus = _bus(config, metrics)
    leases = Leases(database)
    store = JobStore(database, replica=bus.replica, shared=config.store_is_shared)
    desk = (
        Jobs(store, pipeline, config.jobs, metrics=metrics)
        if role.runs_jobs
        else Dispatch(store, bus, config.jobs, metrics)
    )
    keepers = await _keepers(config, client, endpoints, runtime, stack, role)

    def is_running(container: str) -> bool:
        return not any(keeper.is_down(container) for keeper in keepers)

    parts = ChainParts(config, database, pipeline, leases, bus, metrics, is_running)
    reporters, operators = config.server.status_allowed_ips, config.server.operator_ips

    def runnable() -> list[str]:
        return [id for id in endpoints if is_running(id)]

    return Services(
        config=config,
        jobs=desk,
        streams=Streams(store, pipeline, config.jobs, metrics=metrics),
        store=store,
        client=client,
        endpoints=endpoints,
        status_networks=own_networks(runtime) if reporters is None else reporters,
        operator_networks=own_networks(runtime) if operators is None else operators,
        metrics=metrics,
        keepers=keepers,
        chain=chain_access(role, parts, stack),
        role=role,
        membership=Membership.of(
            config.fleet, bus, store, leases, desk, endpoints, runnable, metrics
        )
        if config.store_is_shared
        else None,
    )


async def _keepers(
    config: Config,
    client: ContainerClient,
    endpoints: Mapping[str, Endpoint],
    runtime: str | None,
    stack: AsyncExitStack,
    role: Role,
) -> list[ContainerKeeper]:
    if role.runs_jobs:
        return await keepers_of(config, client, endpoints, runtime, stack)
    # It asks containers that a worker may have started. An API process asks none but for
    # streams, and is no judge of what workers elsewhere can reach.
    return watchers_of(config, endpoints, list(endpoints)) if role is Role.CHAIN else []


def _bus(config: Config, metrics: Metrics) -> WakeUpBus:
    try:
        return WakeUpBus(broker_of(config), str(uuid4()), metrics)
    except BrokerMissingError as error:
        raise StartError(str(error)) from error


async def _open_store(config: Config, metrics: Metrics, stack: AsyncExitStack) -> Database:
    if not config.store_is_shared:
        _lock_file_of(config.store_url, stack)
    try:
        database = await Database.open(config.store_url, metrics)
    except StoreError as error:
        raise StartError(f"store.url: {error}") from error
    stack.push_async_callback(database.close)
    return database


def _lock_file_of(url: str, stack: AsyncExitStack) -> None:
    """Keeps a second process away from a SQLite file: it would run the same jobs again."""
    path = make_url(url).database
    if not path or path == ":memory:":
        return
    try:
        stack.enter_context(process_lock(Path(f"{path}.lock")))
    except LockedError as error:
        raise StartError(
            f"store.url: {path} is in use by process {error.holder}: stop that node, or give this "
            "one another file (log.path, store.url); several processes share a PostgreSQL store"
        ) from None
    except OSError as error:
        raise StartError(
            f"store.url: unable to open database file {path}: {error.strerror}"
        ) from None
