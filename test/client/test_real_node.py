"""The client against this project's own node, a container behind it."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from infernet_client.chain.rpc import RPC
from infernet_client.chain.subscription import Subscription
from infernet_client.error import APIError
from infernet_client.node import NodeClient
from test.client.command_line import Ended, run_process
from test.client.deployed import OWNER_KEY, DeployedChain
from test.client.test_subscription import SAMPLE
from test.support.container import ScriptedContainer, answering, streaming
from test.support.node import FakeChain, running_node

QUESTION = {"text": "Can shrimp actually fry rice fr?"}


@pytest.fixture
async def container() -> AsyncIterator[ScriptedContainer]:
    async with ScriptedContainer(answer=answering({"output": "Yes, and well."})).serve() as running:
        yield running


@pytest.fixture
def fake_chain() -> FakeChain:
    return FakeChain()


@pytest.fixture
async def url(
    container: ScriptedContainer, fake_chain: FakeChain, tmp_path: Path
) -> AsyncIterator[str]:
    entry = {"image": "", "port": str(container.port), "url": container.url}
    config = {
        "containers": [
            {"id": "SERVICE_NAME", "external": True, **entry},
            {"id": "inner", "external": False, **entry},
        ]
    }
    async with running_node(config, tmp_path, chain=fake_chain) as node:
        yield node.url


async def test_jobs_batches_results_and_ids(url: str, container: ScriptedContainer) -> None:
    async with NodeClient(url) as client:
        job_id = await client.request_job("SERVICE_NAME", QUESTION)
        result = await client.wait_for_job(job_id, poll=0.01)
        first, refused = await client.request_jobs(
            [
                {"containers": ["SERVICE_NAME", "inner"], "data": {}},
                {"containers": ["nope"], "data": {}},
            ]
        )
        chained = await client.wait_for_job(first["id"], poll=0.01)  # type: ignore[typeddict-item]
        (whole,) = await client.get_job_results([job_id, "unknown"], intermediate=True)
        ids = await client.get_jobs(pending=False)

    assert result is not None
    assert chained is not None
    assert result["result"] == {"container": "SERVICE_NAME", "output": "Yes, and well."}
    assert chained["result"] == {"container": "inner", "output": "Yes, and well."}
    assert refused == {"error": "Container not supported", "params": {"container": "nope"}}
    assert whole["intermediate"] == []
    assert set(ids) == {job_id, first["id"]}  # type: ignore[typeddict-item]
    assert container.questions[0]["data"] == QUESTION


async def test_what_the_node_says_about_itself(url: str) -> None:
    client = NodeClient(url)

    info = await client.get_info()

    assert await client.health() is True
    assert info["chain"]["enabled"] is True
    assert await client.get_resources() == {
        name: {"service_id": "scripted"} for name in ("SERVICE_NAME", "inner")
    }
    assert set(await client.check_model_support("org/model")) == {"SERVICE_NAME", "inner"}


async def test_refusals_and_statuses(url: str) -> None:
    client = NodeClient(url)

    with pytest.raises(APIError, match=r"^\[405\] First container must be external - \[first_c"):
        await client.request_job("inner", {})
    with pytest.raises(APIError, match=r"^\[405\] Container not supported"):
        _ = [piece async for piece in client.request_stream("nope", {})]
    with pytest.raises(APIError, match=r"^\[400\] Status is invalid"):
        await client.record_status("1", "odd", {"containers": [], "data": {}})  # type: ignore[arg-type]
    await client.record_status("job-9", "success", {"containers": ["SERVICE_NAME"], "data": {}})
    assert await client.wait_for_job("job-9") == {
        "id": "job-9",
        "status": "success",
        "result": None,
    }


async def test_a_stream(url: str, container: ScriptedContainer) -> None:
    crab = "🦐".encode()
    container.answer = streaming(b"Yes ", crab[:1], crab[1:])
    client = NodeClient(url)

    job_id, *_ = [piece async for piece in client.request_stream("SERVICE_NAME", QUESTION)]
    text = "".join([piece async for piece in client.stream_text("SERVICE_NAME", QUESTION)])

    assert text == "Yes 🦐"
    result = await client.wait_for_job(str(job_id), poll=0.01)
    assert result is not None
    assert result["result"] == {"container": "SERVICE_NAME", "output": "Yes 🦐"}


async def test_a_delegated_subscription(
    url: str, fake_chain: FakeChain, chain: DeployedChain, rpc: RPC
) -> None:
    subscription = Subscription(**{**SAMPLE, "containers": ["SERVICE_NAME"]})

    async def request(expiry: int) -> None:
        await NodeClient(url).request_delegated_subscription(
            sub=subscription,
            rpc=rpc,
            coordinator_address=chain.coordinator,
            expiry=expiry,
            nonce=2**32 - 1,
            private_key=OWNER_KEY,
            data=QUESTION,
        )

    await request(int(time.time() + 3600))
    with pytest.raises(APIError, match="Signature expired"):
        await request(1713376164)

    ((received, signature, data),) = fake_chain.accepted
    assert received == subscription.starting_at(chain.anvil.timestamp).on_chain
    assert signature.nonce == 2**32 - 1
    assert data == QUESTION


async def test_the_command_line(url: str) -> None:
    """As processes: within this one the node's log would end up in what a command prints."""

    def commands() -> list[Ended]:
        question = ("-i", "client/samples/input.json", "--url", url)
        return [
            run_process("job", "-c", "SERVICE_NAME", "--sync", *question),
            run_process("stream", "-c", "nope", *question),
            run_process("health", "--url", url),
        ]

    done, refused, health = await asyncio.to_thread(commands)

    assert done == Ended(0, '{\n  "output": "Yes, and well."\n}\n', "")
    assert refused == Ended(1, "", "Error: [405] Container not supported - [container=nope]\n")
    assert health == Ended(0, "healthy\n", "")
