"""Existing clients work unchanged: the public library against this node."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from eth_account import Account

from infernet_protocol.delegation import recover
from test.compat.public import FIRST, LAST, Package
from test.support.anvil import KEYS
from test.support.container import ScriptedContainer, streaming
from test.support.node import FakeChain, running_node

pytestmark = pytest.mark.e2e

CALLS = Path(__file__).with_name("calls.py")
COORDINATOR = "0x2E983A1Ba5e8b38AAAeC4B440B9dDcFBf72E15d1"
CHAIN_ID = 31337


@asynccontextmanager
async def chain_id_endpoint() -> AsyncIterator[str]:
    """A JSON-RPC endpoint as far as signing needs one."""

    async def answer(request: web.Request) -> web.Response:
        call = await request.json()
        assert call["method"] == "eth_chainId"
        return web.json_response({"jsonrpc": "2.0", "id": call["id"], "result": hex(CHAIN_ID)})

    app = web.Application()
    app.router.add_post("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def hello_after_a_while(request: web.Request) -> web.StreamResponse:
    """Streams as late as a model would.

    The library takes its first read from the network for the job id, whatever is in it; with a
    container that answers at once the text may be in it too.
    """
    await asyncio.sleep(0.3)
    return await streaming(b"Hel", b"lo")(request)


@pytest.fixture(params=[FIRST, LAST], ids=lambda package: str(package.version))
async def told(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[tuple[dict[str, Any], FakeChain]]:
    """What every call of the library returned, and what reached the chain half."""
    package: Package = request.param
    chain = FakeChain()
    async with (
        ScriptedContainer().serve() as plain,
        ScriptedContainer(answer=hello_after_a_while).serve() as streamed,
        chain_id_endpoint() as rpc_url,
        running_node(
            {
                "containers": [
                    {"id": "one", "url": plain.url, "image": "acme/one:1"},
                    {"id": "two", "url": plain.url},
                    {"id": "streaming", "url": streamed.url},
                ]
            },
            tmp_path,
            chain=chain,
        ) as node,
    ):
        process = await asyncio.create_subprocess_exec(
            *(str(package.python), str(CALLS), node.url, rpc_url, KEYS[2]),
            env=package.env,
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await process.communicate()
        assert process.returncode == 0
        yield json.loads(output), chain


async def test_every_call_of_the_library(told: tuple[dict[str, Any], FakeChain]) -> None:
    answers, chain = told
    assert answers["health"] is True
    assert answers["info"]["containers"][0] == {
        "id": "one",
        "description": "",
        "external": True,
        "image": "acme/one:1",
    }

    job_id, result = answers["job"]
    output = {"container": "one", "output": {"output": {"n": 1}}}
    assert result == {"id": job_id, "status": "success", "result": output}
    assert answers["unknown"] is None
    refusal = [405, "Container not supported", {"container": "nope"}]
    assert answers["refused"] == refusal

    first, second, third = answers["batch"]
    assert second == {"error": refusal[1], "params": refusal[2]}
    results = {job["id"]: job for job in answers["batch_results"]}
    assert results[first["id"]]["intermediate_results"] == []
    assert [r["container"] for r in results[third["id"]]["intermediate_results"]] == ["one"]
    assert answers["batch_refused"] == [400, "Expected a list", {}]

    stream_id, *pieces = answers["stream"]
    assert "".join(pieces) == "Hello"
    assert answers["stream_refused"] == refusal[:2]

    assert answers["status_refused"] == [400, "Status is invalid", {}]
    everything = {job_id, first["id"], third["id"], stream_id, "reported-1"}
    assert {k: set(v) for k, v in answers["ids"].items()} == {
        "None": everything,
        "True": set(),
        "False": everything,
    }

    ((subscription, signature, data),) = chain.accepted
    signer = recover(subscription, signature, chain_id=CHAIN_ID, coordinator=COORDINATOR)
    assert signer == Account.from_key(KEYS[2]).address
    assert data == {"prompt": "hi"}
    assert answers["expired"] == [405, "Signature expired"]
