"""The figures: each a function that prepares a world, measures, and returns what it saw."""

import time
from collections.abc import Callable, Iterator

from bench.chain.world import CONTAINER, World, usage_over
from bench.figure import Figure, quantile
from bench.process import Usage

_BURST = 200
_SUSTAINED = 2_000
_TRACKED = 10_000
_HISTORIC = 50_000
_SINGLES = 10
_IDLE_SECONDS = 20


def single(world: World) -> Iterator[Figure]:
    """One callback at a time: how many blocks after its request it lands."""
    world.start_mining()
    with world.node("single"):
        distances = []
        for _ in range(_SINGLES):
            since = world.anvil.number
            world.ask(1)
            world.await_deliveries(1, since)
            distances += _distances(world, since)
    yield Figure("single callback, blocks p50", quantile(distances, 0.5), "blocks", 1)
    yield Figure("single callback, blocks max", max(distances), "blocks", 1)


def burst(world: World) -> Iterator[Figure]:
    """200 callbacks at once: blocks until the last is delivered, and requests for each."""
    world.start_mining()
    with world.node("burst"):
        since, before = world.anvil.number, world.rpc_requests()
        world.ask(_BURST)
        world.await_deliveries(_BURST, since)
        # Until the node has seen its last receipts.
        time.sleep(3)
        requests = world.rpc_requests() - before
        last_request = max(world.requested(since).values())
        blocks = max(world.delivered(since).values()) - last_request
        distances = _distances(world, since)
    yield Figure("burst of 200, blocks after the last request", blocks, "blocks", 4)
    yield Figure(
        "burst of 200, blocks after its own request p50", quantile(distances, 0.5), "blocks", 4
    )
    yield Figure("burst of 200, JSON-RPC requests per delivery", requests / _BURST, "requests", 6)


def sustained(world: World) -> Iterator[Figure]:
    """2,000 callbacks: deliveries a second from the first to the last."""
    world.start_mining()
    with world.node("sustained") as node:
        since = world.anvil.number
        before = Usage.of(node.popen.pid)
        world.ask(_SUSTAINED)
        world.await_deliveries(_SUSTAINED, since)
        used = Usage.of(node.popen.pid).seconds - before.seconds
        delivered = world.delivered(since).values()
        first_request = min(world.requested(since).values())
    seconds = max(delivered) - first_request
    yield Figure("2,000 callbacks, deliveries per second", _SUSTAINED / seconds, "1/s", 100, True)
    yield Figure(
        "2,000 callbacks, processor time of the node each", used / _SUSTAINED * 1e3, "ms", 10
    )


def idle(world: World) -> Iterator[Figure]:
    """10,000 tracked subscriptions whose moment has not come."""
    world.idle_crowd(_TRACKED)
    world.start_mining()
    with world.node("idle", sync_period=0.5) as node:
        time.sleep(5)
        block, before = world.anvil.number, world.rpc_requests()
        core, mebibytes = usage_over(node, _IDLE_SECONDS)
        requests = world.rpc_requests() - before
        blocks = world.anvil.number - block
    yield Figure(
        "idle with 10,000 tracked, JSON-RPC requests per block", requests / blocks, "requests", 2
    )
    yield Figure("idle with 10,000 tracked, share of a core", core * 100, "%", 3)
    yield Figure("idle with 10,000 tracked, memory", mebibytes, "MiB", 250)


def start(world: World) -> Iterator[Figure]:
    """A first start on a chain with 50,000 subscriptions, half over, half of other containers."""
    world.crowd(CONTAINER, 1, 1, _HISTORIC // 2)
    world.crowd("somebody-elses", 12, 86400, _HISTORIC // 2)
    world.start_mining()
    began = time.monotonic()
    with world.node("start"):
        seconds = time.monotonic() - began
    yield Figure("start with 50,000 historic subscriptions", seconds, "s", 20)


def _distances(world: World, since: int) -> list[int]:
    delivered = world.delivered(since)
    return [delivered[id_] - block for id_, block in world.requested(since).items()]


FIGURES: dict[str, Callable[[World], Iterator[Figure]]] = {
    "single": single,
    "burst": burst,
    "sustained": sustained,
    "idle": idle,
    "start": start,
}
