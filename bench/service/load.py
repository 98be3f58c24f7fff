"""Clients that ask at the same time, and how long each had to wait."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp

QUESTION = "Can shrimp actually fry rice fr?"
_TIMEOUT = aiohttp.ClientTimeout(total=300)


@dataclass(frozen=True, slots=True)
class Target:
    """A route, the body it takes, and whether the whole answer counts or its first byte."""

    url: str
    body: Any
    first_byte_only: bool = False


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer: status, seconds until it was there, its bytes."""

    status: int
    seconds: float
    body: bytes


async def ask(session: aiohttp.ClientSession, target: Target) -> Answered:
    """Sends one request. ``seconds`` end at the first byte of the body where only that counts."""
    started = time.perf_counter()
    async with session.post(target.url, json=target.body) as response:
        first = await response.content.readany()
        seconds = time.perf_counter() - started
        rest = await response.read()
        if not target.first_byte_only:
            seconds = time.perf_counter() - started
        return Answered(response.status, seconds, first + rest)


async def closed_loop(
    target: Target, *, clients: int, rounds: int, spread: float
) -> list[Answered]:
    """Has each client ask ``rounds`` times, one question after the other.

    Args:
        spread: seconds over which the clients begin. Beginning in the same instant, they would
            stay in step, and wait for one another more than for the server.
    """

    async def client(number: int) -> list[Answered]:
        await asyncio.sleep(spread * number / clients)
        return [await ask(session, target) for _ in range(rounds)]

    async with _session() as session:
        collected = await asyncio.gather(*map(client, range(clients)))
    return [answer for answers in collected for answer in answers]


async def all_at_once(
    target: Target, *, clients: int, meanwhile: Callable[[], None]
) -> list[Answered]:
    """Sends all requests in the same instant, and calls ``meanwhile`` twice a second."""

    async def watch() -> None:
        while True:
            meanwhile()
            await asyncio.sleep(0.5)

    async with _session() as session:
        watching = asyncio.create_task(watch())
        try:
            return list(await asyncio.gather(*(ask(session, target) for _ in range(clients))))
        finally:
            watching.cancel()


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=_TIMEOUT)
