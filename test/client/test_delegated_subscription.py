"""The signed request: its shapes, what the node receives, and that the coordinator takes it."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from eth_account import Account
from web3.exceptions import ContractCustomError

from infernet_client import SyncNodeClient
from infernet_client.chain.coordinator import Coordinator
from infernet_client.chain_utils import RPC, ZERO_ADDRESS, Subscription
from infernet_client.error import APIError, ParameterError, RpcError
from infernet_client.node import NodeClient
from infernet_protocol.contract_errors import error_name
from infernet_protocol.output import output_from_text
from test.client.deployed import OTHER, OTHER_KEY, OWNER_KEY, DeployedChain, signed_arguments
from test.client.scripted_node import ScriptedNode
from test.client.test_subscription import COORDINATOR, EXPIRY, SAMPLE
from test.support.faulty_rpc import Fault, faulty_rpc
from test.support.waiting import SECONDS

NOW = 1713370000


class Endpoint:
    """Knows the chain id and the time of the latest block; keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        call = await request.json()
        self.asked.append(call["method"])
        known = {
            "eth_chainId": hex(31337),
            "eth_getBlockByNumber": {"timestamp": hex(NOW)},
        }
        result = known[call["method"]]
        return web.json_response({"jsonrpc": "2.0", "id": call["id"], "result": result})


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    endpoint = Endpoint()
    app = web.Application()
    app.router.add_post("/", endpoint.answer)
    server = TestServer(app)
    await server.start_server()
    endpoint.url = str(server.make_url("/"))
    yield endpoint
    await server.close()


def in_an_hour() -> int:
    return int(time.time() + 3600)


def arguments(endpoint: Endpoint, **changes: Any) -> dict[str, Any]:
    usual = {
        "sub": Subscription(**SAMPLE),
        "rpc": RPC(endpoint.url),
        "coordinator_address": COORDINATOR,
        "expiry": in_an_hour(),
        "nonce": 7,
        "private_key": OWNER_KEY,
        "data": {"text": "Can shrimp actually fry rice fr?"},
    }
    return {name: value for name, value in (usual | changes).items() if value is not None}


async def test_the_node_receives_subscription_signature_and_data(
    client: NodeClient, node: ScriptedNode, endpoint: Endpoint
) -> None:
    with pytest.raises(APIError, match="Signature expired"):
        await client.request_delegated_subscription(**arguments(endpoint, expiry=EXPIRY))

    (body,) = node.bodies("POST", "/api/jobs")
    sent = Subscription(**{**SAMPLE, "active_at": NOW})
    message = sent.get_delegate_subscription_typed_data(7, EXPIRY, 31337, COORDINATOR)
    signed = Account.sign_message(message, OWNER_KEY)
    assert body == {
        "signature": {"nonce": 7, "expiry": EXPIRY, "v": signed.v, "r": signed.r, "s": signed.s},
        "subscription": sent.serialized,
        "data": {"text": "Can shrimp actually fry rice fr?"},
    }
    assert endpoint.asked == ["eth_chainId", "eth_getBlockByNumber"]


@pytest.mark.parametrize("terms", [{"active_at": 1713380000}, {"period": 0, "frequency": 1}])
async def test_a_start_that_is_named_or_makes_no_difference_is_signed_as_it_is(
    client: NodeClient, node: ScriptedNode, endpoint: Endpoint, terms: dict[str, int]
) -> None:
    subscription = Subscription(**{**SAMPLE, **terms})

    await client.request_delegated_subscription(**arguments(endpoint, sub=subscription))

    assert node.seen[-1].body["subscription"] == subscription.serialized
    assert endpoint.asked == ["eth_chainId"]


async def test_both_names_positions_and_a_url_make_the_same_request(
    client: NodeClient, node: ScriptedNode, endpoint: Endpoint
) -> None:
    usual = arguments(endpoint)
    untyped: Any = client

    await untyped.request_delegated_subscription(**usual)
    usual["subscription"] = usual.pop("sub")
    await untyped.request_delegated_subscription(**usual)
    order = ["subscription", "rpc", "coordinator_address", "expiry", "nonce", "private_key", "data"]
    await untyped.request_delegated_subscription(*(usual[name] for name in order))
    await untyped.request_delegated_subscription(**{**usual, "rpc": endpoint.url})

    bodies = [json.dumps(body) for body in node.bodies("POST", "/api/jobs")]
    assert len(bodies) == 4
    assert len(set(bodies)) == 1


async def test_without_a_nonce_a_random_one_is_drawn(
    client: NodeClient, node: ScriptedNode, endpoint: Endpoint
) -> None:
    for _ in range(2):
        await client.request_delegated_subscription(**arguments(endpoint, nonce=None))

    nonces = [body["signature"]["nonce"] for body in node.bodies("POST", "/api/jobs")]
    assert nonces[0] != nonces[1]
    assert all(0 <= nonce < 2**32 for nonce in nonces)


@pytest.mark.parametrize("nonce", [0, 2**32 - 1])
async def test_every_uint32_is_a_nonce(
    client: NodeClient, node: ScriptedNode, endpoint: Endpoint, nonce: int
) -> None:
    await client.request_delegated_subscription(**arguments(endpoint, nonce=nonce))

    assert node.seen[-1].body["signature"]["nonce"] == nonce


@pytest.mark.parametrize(
    ("changes", "error", "problem"),
    [
        ({"subscription": Subscription(**SAMPLE)}, TypeError, "subscription is given twice"),
        ({"sub": None}, TypeError, "missing subscription"),
        ({"rpc": None, "expiry": None}, TypeError, "missing rpc, expiry"),
        ({"sub": SAMPLE}, TypeError, "subscription is not a Subscription"),
        ({"data": "text"}, TypeError, "data is not a mapping"),
        ({"gas": 1}, TypeError, "unknown argument 'gas'"),
        ({"nonce": 2**32}, ParameterError, "nonce: 4294967296 is outside"),
        ({"expiry": time.time()}, ParameterError, "expiry: .* is not an integer"),
        ({"coordinator_address": "0x19f...xJ7"}, ParameterError, "verifying_contract: "),
        ({"private_key": "0x12s3cret"}, ParameterError, "private_key: not 64 hex digits"),
    ],
)
async def test_wrong_arguments_are_named_before_anything_is_asked(
    client: NodeClient,
    node: ScriptedNode,
    endpoint: Endpoint,
    changes: dict[str, Any],
    error: type[Exception],
    problem: str,
) -> None:
    wrong = arguments(endpoint, **changes)

    with pytest.raises(error, match=problem) as caught:
        await client.request_delegated_subscription(**wrong)

    assert "s3cret" not in str(caught.value)
    assert endpoint.asked == []
    assert node.seen == []


async def test_too_many_positions_are_refused(client: NodeClient) -> None:
    untyped: Any = client

    with pytest.raises(TypeError, match="9 positional arguments"):
        await untyped.request_delegated_subscription(*range(9))


def test_the_synchronous_face_signs_too(chain: DeployedChain, node: ScriptedNode) -> None:
    with SyncNodeClient(node.url) as client:
        client.request_delegated_subscription(
            Subscription(**SAMPLE),
            chain.url,
            chain.coordinator,
            in_an_hour(),
            private_key=OWNER_KEY,
            data={"text": "?"},
        )

    assert node.seen[-1].body["data"] == {"text": "?"}


@pytest.mark.parametrize(("key", "reason"), [(OWNER_KEY, None), (OTHER_KEY, "SignerMismatch")])
async def test_the_deployed_coordinator_takes_the_signers_signature_only(
    chain: DeployedChain,
    client: NodeClient,
    node: ScriptedNode,
    rpc: RPC,
    key: str,
    reason: str | None,
) -> None:
    subscription = Subscription(**{**SAMPLE, "owner": chain.consumer, "wallet": ZERO_ADDRESS})
    expiry = chain.anvil.timestamp + 1000
    await client.request_delegated_subscription(
        sub=subscription,
        rpc=rpc,
        coordinator_address=chain.coordinator,
        expiry=max(expiry, in_an_hour()),
        nonce=3,
        private_key=key,
        data={"text": "?"},
    )
    arguments = signed_arguments(
        node.seen[-1].body["signature"], subscription.starting_at(chain.anvil.timestamp)
    )

    if reason is None:
        chain.coordinate("createSubscriptionDelegatee", *arguments)
        assert await Coordinator(chain.coordinator, rpc).delegated_id(chain.consumer, 3) == 1
    else:
        with pytest.raises(ContractCustomError) as refused:
            chain.coordinate("createSubscriptionDelegatee", *arguments)
        assert error_name(bytes.fromhex(str(refused.value.data)[2:])) == reason


async def test_an_endpoint_that_stumbles_does_not_end_the_wait_for_an_answer(
    client: NodeClient, node: ScriptedNode, chain: DeployedChain, rpc: RPC
) -> None:
    terms = {"owner": chain.consumer, "wallet": ZERO_ADDRESS, "period": 0, "frequency": 1}
    subscription = Subscription(**{**SAMPLE, **terms})
    await client.request_delegated_subscription(
        sub=subscription,
        rpc=rpc,
        coordinator_address=chain.coordinator,
        expiry=max(chain.anvil.timestamp + 1000, in_an_hour()),
        nonce=3,
        private_key=OWNER_KEY,
        data={"text": "?"},
    )
    async with faulty_rpc(chain.url) as proxy, RPC(proxy.url) as unsteady:
        proxy.fault, proxy.latency, proxy.only = Fault.LATENCY, 0, "eth_call"
        coordinator = Coordinator(chain.coordinator, unsteady)
        waiting = asyncio.create_task(
            coordinator.wait_for_delivery(chain.consumer, 3, 0, SECONDS, 0)
        )
        while proxy.met < 2:  # noqa: ASYNC110 - the first look has found nothing when there is a second
            await asyncio.sleep(0)
        proxy.fault, proxy.only = Fault.SERVER_ERROR, ""
        proxy.failed.clear()
        await proxy.failed.wait()
        answer = (1, b"", output_from_text("Yes"), b"", OTHER)
        tx = chain.coordinate(
            "deliverComputeDelegatee",
            *signed_arguments(node.seen[-1].body["signature"], subscription),
            *answer,
        )
        proxy.fault = None

        assert await waiting == (1, OTHER, tx)

        proxy.fault = Fault.SERVER_ERROR
        with pytest.raises(RpcError, match="no JSON-RPC answer"):
            await coordinator.wait_for_delivery(chain.consumer, 3, 0, SECONDS)
