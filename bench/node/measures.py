"""What is measured, each with its goal."""

import asyncio
import json
import statistics
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from bench.figure import Figure
from bench.node.wire import Connection
from bench.node.world import CONTAINER, World

_JOB = json.dumps({"containers": [CONTAINER], "data": {"text": "abc"}}).encode()
_QUESTION = json.dumps({"source": 1, "destination": 2, "data": {}}, separators=(",", ":")).encode()
_ID_LINE = 37
"""Bytes of a job id and its line feed."""
_PATIENT, _EAGER = 0.02, 0.002
"""Seconds before each poll: of one of many clients, and of the only one."""


async def throughput(world: World, *, clients: int, jobs: int) -> Figure:
    """Jobs a second from creation to the result read, by clients that wait for each."""
    await _jobs(world, clients, 10 * clients, _PATIENT)  # warm
    cpu, began = world.usage().seconds, time.perf_counter()
    asked = await _jobs(world, clients, jobs, _PATIENT)
    elapsed, cpu = time.perf_counter() - began, world.usage().seconds - cpu
    return Figure(
        f"create and poll, {clients} clients",
        jobs / elapsed,
        "jobs/s",
        1000,
        True,
        {
            "node_cpu_ms_per_job": 1000 * cpu / jobs,
            "p50_ms": 1000 * statistics.median(asked.seconds),
            "requests_per_job": asked.requests / jobs,
            "generator_cpu_share": asked.cpu / elapsed,
            "jobs": jobs,
        },
    )


async def latency(world: World, *, jobs: int) -> Figure:
    """Time of one job with nobody else asking."""
    asked = await _jobs(world, 1, jobs, _EAGER)
    p50, p95 = _quantiles(asked.seconds, 50, 95)
    return Figure(
        "create and poll, 1 client, p50", 1000 * p50, "ms", 8, False, {"p95_ms": 1000 * p95}
    )


async def first_byte(world: World, *, streams: int) -> Figure:
    """How much later a stream begins than when the container is asked directly."""

    async def through_node(connection: Connection) -> None:
        await connection.first_byte("/api/jobs/stream", _JOB, _ID_LINE)

    async def direct(connection: Connection) -> None:
        await connection.first_byte("/service_output", _QUESTION, 0)

    node = await _median(world.port, through_node, streams)
    container = await _median(world.container_port, direct, streams)
    return Figure(
        "first byte of a stream, later than from the container, p50",
        1000 * (node - container),
        "ms",
        5,
        False,
        {"node_ms": 1000 * node, "container_ms": 1000 * container},
    )


async def memory(world: World, *, jobs: int) -> Figure:
    """Resident memory after so many jobs, all of them kept."""
    await _jobs(world, 64, jobs, _PATIENT)
    return Figure(
        f"memory after {jobs} jobs", world.usage().mebibytes, "MiB", 250, False, {"jobs": jobs}
    )


@dataclass(slots=True)
class _Asked:
    """What it was to have jobs done."""

    seconds: list[float] = field(default_factory=list)
    """That each took."""
    requests: int = 0
    cpu: float = 0.0
    """Processor time of this process."""


async def _jobs(world: World, clients: int, jobs: int, pause: float) -> _Asked:
    asked, numbers = _Asked(), iter(range(jobs))
    began = time.process_time()
    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(_client(world.port, numbers, pause, asked))
    asked.cpu = time.process_time() - began
    return asked


async def _client(port: int, numbers: Iterable[int], pause: float, asked: _Asked) -> None:
    connection = await Connection.open(port)
    for _ in numbers:
        began = time.perf_counter()
        job_id = (await connection.post("/api/jobs", _JOB))["id"]
        job = await _ended(connection, f"/api/jobs?id={job_id}", pause)
        if job["status"] != "success":
            raise RuntimeError(f"a job failed: {job}")
        asked.seconds.append(time.perf_counter() - began)
    asked.requests += connection.requests
    connection.close()


async def _ended(connection: Connection, path: str, pause: float) -> Any:
    while True:
        # Asking at once would be in vain, and the load generator would do little else.
        await asyncio.sleep(pause)
        (job,) = await connection.get(path)
        if job["status"] != "running":
            return job


async def _median(port: int, ask: Callable[[Connection], Awaitable[None]], times: int) -> float:
    seconds = []
    for _ in range(times):
        connection = await Connection.open(port)
        began = time.perf_counter()
        await ask(connection)
        seconds.append(time.perf_counter() - began)
        connection.close()
    return statistics.median(seconds)


def _quantiles(values: list[float], *percents: int) -> list[float]:
    hundredths = statistics.quantiles(values, n=100)
    return [hundredths[percent - 1] for percent in percents]
