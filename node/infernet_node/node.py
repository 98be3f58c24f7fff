"""Runs the parts of a process, and takes them apart in the right order."""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import structlog

from infernet_node.api.app import create_app
from infernet_node.api.rate_limit import RateLimiter
from infernet_node.api.services import Services
from infernet_node.assembly import assemble
from infernet_node.config import Config, Role
from infernet_node.keepers import with_distinct_ports
from infernet_node.server import HttpServer, listen, require_usable
from infernet_node.start_error import StartError
from infernet_node.store.retention import delete_old_jobs
from infernet_node.supervision import StopRequest, keep_running

_LOG = structlog.get_logger(__name__)


async def run_node(
    config: Config,
    *,
    runtime: str | None,
    stop: StopRequest,
    on_listening: Callable[[int], None] = lambda _port: None,
    role: Role = Role.RUN,
) -> None:
    """Runs a process of a node until it is asked to stop, then lets running work finish.

    Args:
        runtime: the environment variable ``RUNTIME``.
        on_listening: told the port of the REST interface once it answers.
        role: what the process does; by default everything.

    Raises:
        StartError: if a setting does not work out on this machine.
        ListenError: if the port is not free, or the certificate cannot be used.
    """
    if role.runs_jobs:
        config = with_distinct_ports(config)
    async with AsyncExitStack() as stack:
        # The port comes first: a second node started by mistake changes nothing.
        listener = stack.enter_context(listen(config.server))
        if config.server.tls:
            require_usable(config.server.tls)
        services = await assemble(config, runtime, stack, role)
        limiter = RateLimiter(config.server.rate_limit)
        await serve(services, limiter, listener, stop, on_listening)


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
    resumed = await _begin(services)
    lasting = [asyncio.create_task(work) for work in _lasting(services)]
    _watch(services)
    server = HttpServer(create_app(services, limiter), config.server.tls)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    background: list[asyncio.Task[Any]] = [
        asyncio.create_task(work) for work in _background(services)
    ]
    host, port = listener.getsockname()[:2]
    _LOG.info("listening", role=services.role, host=host, port=port, resumed_jobs=resumed)
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
    if services.membership:
        await services.membership.leave()
    for task in lasting:
        task.cancel()
    await asyncio.gather(*lasting, return_exceptions=True)
    services.store.changes.close()
    server.stop()
    await serving
    _LOG.info("stopped")


async def _begin(services: Services) -> int:
    """Takes up what an earlier process left, or joins those who do; returns how many jobs."""
    if services.membership is None:
        return await services.jobs.resume()
    if not await services.membership.join():
        raise StartError("store.url: the store answers, but no lease can be taken; see its log")
    return 0


def _lasting(services: Services) -> list[Coroutine[Any, Any, None]]:
    """What goes on until the last job has ended."""
    if not (membership := services.membership):
        return []
    return [
        keep_running("broker", membership.bus.run),
        keep_running("member", membership.member.run),
    ]


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
    if membership := services.membership:
        about = "Whether other processes can be woken: 1 or 0."
        metrics.watch("broker_connected", about, lambda: membership.bus.connected)
    if chain := services.chain:
        ready = "Whether the chain work goes on: 1 or 0."
        metrics.watch("chain_ready", ready, lambda: chain.port.status == "ready")


def _background(services: Services) -> list[Coroutine[Any, Any, None]]:
    store, limits, role = services.store, services.config.jobs, services.role
    work: list[Coroutine[Any, Any, None]] = []
    if role.takes_jobs:
        delete = partial(
            delete_old_jobs, store, retention=limits.retention, max_finished=limits.max_finished
        )
        work.append(keep_running("retention", delete))
    if (membership := services.membership) and role is not Role.CHAIN:
        work.append(keep_running("jobs", membership.work))
        if role.takes_jobs:
            work.append(keep_running("unserved", membership.unserved.run))
    work += [keep_running("containers", keeper.run) for keeper in services.keepers]
    if services.chain:
        work.append(keep_running("chain", services.chain.port.run))
    return work
