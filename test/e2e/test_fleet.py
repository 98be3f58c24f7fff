"""A whole fleet in processes of its own: the one that works on the chain gets SIGKILL."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import web

from test.node.chain.delegating import signed
from test.node.chain.processes import echo_on_chain, question_of
from test.node.chain.world import CONTAINER, NODE_KEY, Chain, deploy
from test.support.anvil import run_anvil
from test.support.background import mining
from test.support.brokers import NATS, require
from test.support.container import ScriptedContainer
from test.support.fleet import Replica, fleet_of
from test.support.postgres import schema_url
from test.support.waiting import eventually, until

pytestmark = pytest.mark.timeout(240)

QUESTIONS = 8


@pytest.fixture
def chain() -> Iterator[Chain]:
    with run_anvil(["--no-mining", "--order", "fifo"]) as anvil:
        anvil.rpc("anvil_setBlockTimestampInterval", 1)
        yield Chain(anvil, deploy(anvil))


@asynccontextmanager
async def configured(chain: Chain, container: ScriptedContainer) -> AsyncIterator[dict[str, Any]]:
    broker = await require(NATS)
    async with schema_url() as url:
        yield {
            "store": {"url": url},
            "containers": [{"id": CONTAINER, "url": container.url}],
            "fleet": {"broker": broker, "channel": f"test-{uuid4().hex[:12]}", "lease": 4},
            "chain": {
                "enabled": True,
                "rpc_url": chain.anvil.url,
                "trail_head_blocks": 0,
                "registry_address": chain.contracts["Registry"],
                "wallet": {"private_key": NODE_KEY},
                "snapshot_sync": {"sync_period": 0.05},
            },
        }


async def is_active(replica: Replica) -> bool:
    return await replica.figure("infernet_chain_active") == 1


async def test_a_standby_takes_over_and_nothing_is_delivered_twice(
    chain: Chain, tmp_path: Path
) -> None:
    held, go = Counter[str](), asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        question = question_of(await request.json())
        if question.startswith("later"):
            held[question] += 1
            await go.wait()
        return await echo_on_chain(request)

    async with (
        ScriptedContainer(answer=answer).serve() as container,
        configured(chain, container) as config,
        fleet_of(tmp_path, config) as fleet,
    ):
        with mining(chain.anvil.url):
            await scenario(chain, fleet, held, go)


async def scenario(chain: Chain, fleet: Any, held: Counter[str], go: asyncio.Event) -> None:
    doomed, api = await fleet.start("chain"), await fleet.start("api")
    await eventually(lambda: is_active(doomed))
    heir = await fleet.start("chain")
    _, said = await heir.get("/health/ready")
    assert said["remarks"]["chain"] == "standing by: another process sends with this key"

    first = [chain.ask(f"now {number}") for number in range(QUESTIONS)]
    second = [chain.ask(f"later {number}") for number in range(QUESTIONS)]
    request = signed(chain, nonce=0).body("later, signed")
    async with api.session.post(f"{api.url}/api/jobs", json=request) as response:
        assert response.status == 200, await response.text()
    # Some are sent and not mined, some are being computed, one is just accepted.
    await until(lambda: len(held) == QUESTIONS + 1)
    await doomed.kill()
    go.set()
    await eventually(lambda: is_active(heir))
    await until(lambda: chain.deliveries() == 2 * QUESTIONS + 1)

    again = chain.ask("and now?")
    await until(lambda: bool(chain.answer(again)))
    assert [chain.answer(id) for id in first] == [f"echo: now {n}" for n in range(QUESTIONS)]
    assert [chain.answer(id) for id in second] == [f"echo: later {n}" for n in range(QUESTIONS)]
    assert chain.deliveries() == 2 * QUESTIONS + 2
    assert chain.reverted() == 0
    # Only what was not a row yet is computed again, once.
    assert set(held.values()) <= {1, 2}
    assert await heir.stop() == 0
