"""The figures: each a function that measures a running world."""

import asyncio
import time
from collections.abc import Callable, Iterator

from huggingface_hub import InferenceClient

from bench.figure import Figure, quantile
from bench.service.load import QUESTION, Answered, Target, all_at_once, closed_loop
from bench.service.world import World

GENERATION = 0.5
"""Seconds that the mock server takes for an answer while overhead is measured."""
_PROCESSOR_ROUNDS = 10
_ROUNDS = 3
"""Times that direct calls and calls of the service take turns, so that both see the same load."""


def overhead(world: World) -> Iterator[Figure]:
    """What the service adds to the time of an answer, at 32 clients."""
    world.script(text="Only if they hold the wok.", delay=GENERATION)
    direct, served = _in_turns(
        _direct(world, "/generate"), _job(world, destination=1), clients=32, rounds=10
    )
    for percent, goal in ((50, 3.0), (99, 15.0)):
        added = quantile(served, percent / 100) - quantile(direct, percent / 100)
        yield Figure(f"added latency p{percent}, 32 clients", added * 1000, "ms", goal)


def first_token(world: World) -> Iterator[Figure]:
    """What the service adds to the time until the first token, at 32 clients."""
    world.script(text="Only if they hold the wok.", delay=GENERATION)
    direct, served = _in_turns(
        _direct(world, "/generate_stream", first_byte_only=True),
        _job(world, destination=2, first_byte_only=True),
        clients=32,
        rounds=10,
    )
    added = quantile(served, 0.5) - quantile(direct, 0.5)
    yield Figure("added time to first token p50, 32 clients", added * 1000, "ms", 5.0)


def processor(world: World) -> Iterator[Figure]:
    """Processor time of a job, beside that of the same question asked by the library alone."""
    world.script(text="Only if they hold the wok.")
    jobs = _PROCESSOR_ROUNDS * 32
    before = world.worker_seconds()
    asked = closed_loop(_job(world, destination=1), clients=32, rounds=_PROCESSOR_ROUNDS, spread=0)
    _require_success(asyncio.run(asked))
    served = (world.worker_seconds() - before) / jobs
    yield Figure("processor time of a job in the service", served * 1000, "ms")
    before = time.process_time()
    for _ in range(jobs):
        with InferenceClient(f"{world.tgi_url}/generate", token="none") as client:
            client.text_generation(QUESTION, details=True, max_new_tokens=20)
    alone = (time.process_time() - before) / jobs
    yield Figure("processor time of the same call by huggingface_hub alone", alone * 1000, "ms")


def streams(world: World) -> Iterator[Figure]:
    """500 streams at once: all must arrive whole; memory of the whole service meanwhile."""
    world.script(text="Only if they hold the wok with both claws.", token_delay=1.0)
    memory = [world.resident_mebibytes()]
    answers = asyncio.run(
        all_at_once(
            _job(world, destination=2),
            clients=500,
            meanwhile=lambda: memory.append(world.resident_mebibytes()),
        )
    )
    broken = sum(
        answer.status != 200 or answer.body != b"Only if they hold the wok with both claws."
        for answer in answers
    )
    yield Figure("streams not complete, 500 at once", broken, "streams", 0)
    yield Figure("resident memory idle, all processes", memory[0], "MiB", 500)
    yield Figure("resident memory, 500 streams, all processes", max(memory), "MiB", 500)


def slow_generations(world: World) -> Iterator[Figure]:
    """64 generations of 5 s at once: none may wait for another."""
    world.script(text="Yes.", delay=5.0)
    answers = asyncio.run(
        all_at_once(_job(world, destination=1), clients=64, meanwhile=lambda: None)
    )
    _require_success(answers)
    slowest = max(answer.seconds for answer in answers)
    yield Figure("slowest of 64 generations of 5 s", slowest, "s", 6.0)


FIGURES: dict[str, Callable[[World], Iterator[Figure]]] = {
    "overhead": overhead,
    "first-token": first_token,
    "processor": processor,
    "streams": streams,
    "slow-generations": slow_generations,
}


def _in_turns(
    direct: Target, served: Target, *, clients: int, rounds: int
) -> tuple[list[float], list[float]]:
    """Returns the seconds of direct and of served calls, both from several turns."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(_ROUNDS):
        for target, collected in zip((direct, served), seconds, strict=True):
            answers = asyncio.run(
                closed_loop(target, clients=clients, rounds=rounds, spread=GENERATION)
            )
            _require_success(answers)
            collected.extend(answer.seconds for answer in answers)
    return seconds


def _require_success(answers: list[Answered]) -> None:
    failed = [answer for answer in answers if answer.status != 200]
    if failed:
        raise RuntimeError(f"{len(failed)} requests failed, the first with {failed[0]}")


def _direct(world: World, path: str, *, first_byte_only: bool = False) -> Target:
    parameters = {"max_new_tokens": 20, "details": True}
    body = {"inputs": QUESTION, "parameters": parameters}
    return Target(world.tgi_url + path, body, first_byte_only)


def _job(world: World, *, destination: int, first_byte_only: bool = False) -> Target:
    body = {"source": 1, "destination": destination, "data": {"text": QUESTION}}
    return Target(f"{world.service_url}/service_output", body, first_byte_only)
