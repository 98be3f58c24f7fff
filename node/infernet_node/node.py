"""Puts the parts of a node together, runs them, and takes them apart in the right order."""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import structlog

from infernet_node.api.app import create_app
from infernet_node.api.identity import default_status_networks
from infernet_node.api.rate_limit import RateLimiter
from infernet_node.api.services import ChainAccess, Services
from infernet_node.chain import ChainService
from infernet_node.config import Config
from infernet_node.containers.calls import ContainerClient
from infernet_node.containers.endpoint import endpoints_of
from infernet_node.jobs import Jobs
from infernet_node.pipeline import Pipeline
from infernet_node.server import HttpServer, listen
from infernet_node.store.database import Database, StoreError
from infernet_node.store.jobs import JobStore
from infernet_node.store.retention import delete_old_jobs
from infernet_node.streams import Streams
from infernet_node.supervision import StopRequest, keep_running

_LOG = structlog.get_logger(__name__)
_STORE_FILE = "infernet_node.sqlite"


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
        ListenError: if the port is not free.
    """
    _require_running(config)
    async with AsyncExitStack() as stack:
        # The port comes first: it keeps a second node away from the rows of this one.
        listener = stack.enter_context(listen(config.server))
        services = await assemble(config, runtime, stack)
        limiter = RateLimiter(config.server.rate_limit)
        await serve(services, limiter, listener, stop, on_listening)


async def assemble(config: Config, runtime: str | None, stack: AsyncExitStack) -> Services:
    """Makes the parts of a node, which end when ``stack`` is closed.

    Raises:
        StartError: if the store cannot be opened.
    """
    database = await _open_store(config)
    stack.push_async_callback(database.close)
    client = await ContainerClient.open(config.jobs.max_answer_bytes)
    stack.push_async_callback(client.close)
    endpoints = endpoints_of(config.containers, runtime)
    pipeline = Pipeline(endpoints, client)
    store = JobStore(database)
    stack.push_async_callback(store.close)
    chain = _chain(config, pipeline, database) if config.chain.enabled else None
    if chain:
        stack.push_async_callback(chain.port.close)
    networks = config.server.status_allowed_ips
    return Services(
        config=config,
        jobs=Jobs(store, pipeline, config.jobs),
        streams=Streams(store, pipeline, config.jobs),
        store=store,
        client=client,
        endpoints=endpoints,
        running_containers=lambda: config.containers,
        status_networks=default_status_networks(runtime) if networks is None else networks,
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
    server = HttpServer(create_app(services, limiter))
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
    server.should_exit = True
    await serving
    _LOG.info("stopped")


def _require_running(config: Config) -> None:
    names = ", ".join(container.id for container in config.managed_containers)
    if names:
        raise StartError(
            f"manage_containers: this node cannot start containers itself ({names}); start them, "
            "then set manage_containers to false, or give the url of each"
        )


def _background(services: Services) -> list[Coroutine[Any, Any, None]]:
    store, limits = services.store, services.config.jobs
    work = [delete_old_jobs(store, retention=limits.retention, max_finished=limits.max_finished)]
    if services.chain:
        work.append(keep_running("chain", services.chain.port.run))
    return work


def _chain(config: Config, pipeline: Pipeline, database: Database) -> ChainAccess:
    service = ChainService(config.chain, config.containers, pipeline.run, database)
    return ChainAccess(service, service.lookup.containers)


async def _open_store(config: Config) -> Database:
    url = config.store.url or f"sqlite+aiosqlite:///{Path(config.log.path).parent / _STORE_FILE}"
    try:
        return await Database.open(url)
    except StoreError as error:
        raise StartError(f"store.url: {error}") from error
