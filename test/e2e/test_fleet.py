"""A whole fleet in processes of its own: some get SIGKILL, some are missing."""

import asyncio
import json
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
from test.support.container import ScriptedContainer, answering
from test.support.fleet import Fleet, Replica, fleet_of
from test.support.node_process import BIN
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
async def configured(
    chain: Chain, container: ScriptedContainer, **changes: Any
) -> AsyncIterator[dict[str, Any]]:
    broker = await require(NATS)
    async with schema_url() as url:
        yield {
            "store": {"url": url},
            "containers": [{"id": CONTAINER, "url": container.url}],
            "fleet": {
                "broker": broker,
                "channel": f"test-{uuid4().hex[:12]}",
                "lease": 4,
                **changes,
            },
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


async def test_without_a_worker_jobs_fail_in_time_and_the_chain_is_answered(
    chain: Chain, tmp_path: Path
) -> None:
    gate = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        await gate.wait()
        return await echo_on_chain(request)

    async with (
        ScriptedContainer(answer=answer).serve() as container,
        configured(chain, container, lease=3, unserved_timeout=1) as config,
        fleet_of(tmp_path, config) as fleet,
    ):
        with mining(chain.anvil.url):
            api, working = await fleet.start_all("api", "chain")
            await eventually(lambda: is_active(working))
            asked = [chain.ask(f"question {number}") for number in range(QUESTIONS)]
            request = signed(chain, nonce=0).body("signed")
            assert (await api.post("/api/jobs", request))[0] == 200
            # What waits for the chain is no job, and waits on.
            (job,) = await api.finished(await api.submit(CONTAINER, text="off-chain"))
            assert job["status"] == "failed"
            assert job["result"] == {
                "container": CONTAINER,
                "error": "No worker has offered it for 1 s",
            }
            status, body = await api.post("/api/jobs", {"containers": [CONTAINER], "data": {}})
            assert (status, body["params"]) == (503, {"container": CONTAINER})
            request = signed(chain, nonce=1).body("signed, too")
            assert (await api.post("/api/jobs", request))[0] == 200
            assert chain.deliveries() == 0
            gate.set()
            await until(lambda: chain.deliveries() == QUESTIONS + 2)
            expected = [f"echo: question {number}" for number in range(QUESTIONS)]
            assert [chain.answer(id) for id in asked] == expected
            # With a worker there are jobs again.
            await fleet.start("worker")
            await eventually(lambda: accepts(api))


async def accepts(api: Replica) -> bool:
    status, body = await api.post("/api/jobs", {"containers": [CONTAINER], "data": {"text": "x"}})
    return status == 200 and (await api.finished(body["id"]))[0]["status"] == "success"


async def test_the_command_line_beside_an_api_has_the_chain_process_try_again(
    chain: Chain, tmp_path: Path
) -> None:
    refusing = answering({"code": "text", "description": "too long"}, status=400)
    async with (
        ScriptedContainer(answer=refusing).serve() as container,
        configured(chain, container) as config,
        fleet_of(tmp_path, config) as fleet,
    ):
        with mining(chain.anvil.url):
            api, working = await fleet.start_all("api", "chain")
            await eventually(lambda: is_active(working))
            subscription_id = chain.ask("too long?")
            await eventually(lambda: given_up(api, subscription_id))
            container.answer = echo_on_chain
            code, said = await command(fleet, api, "retry", str(subscription_id), "1")
            assert (code, said) == (0, f"subscription {subscription_id}, interval 1: due\n")
            code, said = await command(fleet, api, "why", str(subscription_id))
            assert code == 0, said
            assert said.startswith(f"subscription {subscription_id} on ")
            await until(lambda: chain.answer(subscription_id) == "echo: too long?")
            code, said = await command(fleet, api, "drop", str(subscription_id), "1")
            assert code == 1
            assert "it is over already" in said
            # Nobody is left who could.
            assert await working.stop() == 0
            code, said = await command(fleet, api, "retry", str(subscription_id), "1")
            assert code == 1
            assert "no process works on the chain now" in said


async def given_up(replica: Replica, subscription_id: int) -> bool:
    status, found = await replica.get(f"/api/chain/subscriptions/{subscription_id}")
    states = [row["state"] for row in found[0]["intervals"]] if status == 200 else []
    return states == ["failed"]


async def command(fleet: Fleet, replica: Replica, *words: str) -> tuple[int, str]:
    """What ``infernet-node`` says on the machine of a process."""
    path = fleet.folder / "beside.json"
    port = int(replica.url.rpartition(":")[2])
    # All of the sample's, without the key: that is where the chain process runs and nowhere else.
    wallet = {"chain": {**fleet.config["chain"], "wallet": {"max_gas_limit": 1_000_000}}}
    server = {"server": {"host": "127.0.0.1", "port": port}}
    path.write_text(json.dumps({**fleet.config, **wallet, **server}))
    process = await asyncio.create_subprocess_exec(
        *(str(BIN / "infernet-node"), words[0], "--config", str(path), *words[1:]),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()
