"""JSON-RPC over HTTP: batches, several endpoints, and nothing sent twice by itself."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from infernet_node.chain.requests import MAX_BATCH, Request
from infernet_node.chain.rpc import Rpc
from infernet_node.chain.rpc_errors import RefusedError, TransportError

Answer = Callable[[Any], web.Response]


class Endpoint:
    """An endpoint that answers as scripted and remembers what it was asked."""

    def __init__(self) -> None:
        self.bodies: list[Any] = []
        self.answer: Answer = echo
        self.server: TestServer

    async def handle(self, request: web.Request) -> web.Response:
        body = json.loads(await request.read())
        self.bodies.append(body)
        return self.answer(body)

    @property
    def url(self) -> str:
        return str(self.server.make_url("/v1/SECRET-KEY"))


def echo(body: Any) -> web.Response:
    """Answers every request with its method, a batch in reverse order."""
    if isinstance(body, list):
        return web.json_response([_result(single) for single in reversed(body)])
    return web.json_response(_result(body))


def _result(single: Any) -> Any:
    return {"jsonrpc": "2.0", "id": single["id"], "result": single["method"]}


def status(code: int) -> Answer:
    return lambda _body: web.Response(status=code, text="<html>")


@pytest.fixture
async def endpoints() -> AsyncIterator[list[Endpoint]]:
    made = [Endpoint(), Endpoint()]
    for endpoint in made:
        application = web.Application()
        application.router.add_post("/v1/SECRET-KEY", endpoint.handle)
        endpoint.server = TestServer(application)
        await endpoint.server.start_server()
    yield made
    for endpoint in made:
        await endpoint.server.close()


@pytest.fixture
async def rpc(endpoints: list[Endpoint]) -> AsyncIterator[Rpc]:
    rpc = Rpc([endpoint.url for endpoint in endpoints], clock=lambda: 0.0)
    yield rpc
    await rpc.close()


async def test_results_of_a_batch_are_in_the_order_of_its_requests(
    rpc: Rpc, endpoints: list[Endpoint]
) -> None:
    methods = [f"method_{number}" for number in range(5)]

    assert await rpc.batch([Request(method) for method in methods]) == methods
    assert len(endpoints[0].bodies) == 1


async def test_a_large_batch_is_cut_into_pieces(rpc: Rpc, endpoints: list[Endpoint]) -> None:
    requests = [Request("eth_chainId")] * (MAX_BATCH + 1)

    assert len(await rpc.batch(requests)) == MAX_BATCH + 1
    assert [isinstance(body, list) for body in endpoints[0].bodies] == [True, False]


async def test_one_refused_request_does_not_spoil_the_others(
    rpc: Rpc, endpoints: list[Endpoint]
) -> None:
    def refuse_first(body: Any) -> web.Response:
        error = {"code": -32601, "message": "Method not found"}
        first = {"jsonrpc": "2.0", "id": body[0]["id"], "error": error}
        return web.json_response([first, _result(body[1])])

    endpoints[0].answer = refuse_first

    refused, result = await rpc.batch([Request("a"), Request("b")])

    assert isinstance(refused, RefusedError)
    assert result == "b"


@pytest.mark.parametrize(
    "answer",
    [
        status(429),
        status(500),
        lambda _body: web.Response(text="not json"),
        lambda _body: web.Response(text="[]"),
        lambda _body: web.Response(text="3"),
        lambda _body: web.Response(text="[" * 100_000),
        lambda _body: web.json_response({"jsonrpc": "2.0", "id": [], "result": "0x1"}),
        lambda body: web.json_response({"jsonrpc": "2.0", "id": body["id"]}),
        lambda body: web.json_response(
            {"id": body["id"], "error": {"code": -32005, "message": "limit exceeded"}}
        ),
    ],
)
async def test_a_read_goes_on_to_the_next_endpoint_and_stays_there_for_a_while(
    rpc: Rpc, endpoints: list[Endpoint], answer: Answer
) -> None:
    endpoints[0].answer = answer

    assert await rpc.call("eth_chainId") == "eth_chainId"
    assert await rpc.call("eth_chainId") == "eth_chainId"

    assert (len(endpoints[0].bodies), len(endpoints[1].bodies)) == (1, 2)


async def test_a_refusal_is_an_answer(rpc: Rpc, endpoints: list[Endpoint]) -> None:
    error = {"code": -32601, "message": "Method not found"}
    endpoints[0].answer = lambda body: web.json_response({"id": body["id"], "error": error})

    with pytest.raises(RefusedError, match="-32601"):
        await rpc.call("eth_nope")

    assert endpoints[1].bodies == []


async def test_when_all_endpoints_rest_the_first_to_recover_is_asked(
    endpoints: list[Endpoint],
) -> None:
    now = 0.0
    rpc = Rpc([endpoint.url for endpoint in endpoints], clock=lambda: now)
    for endpoint in endpoints:
        endpoint.answer = status(500)
    with pytest.raises(TransportError):
        await rpc.call("eth_chainId")
    endpoints[0].answer = echo

    assert await rpc.call("eth_chainId") == "eth_chainId"
    await rpc.close()


async def test_a_transaction_is_sent_to_one_endpoint_once(
    rpc: Rpc, endpoints: list[Endpoint]
) -> None:
    endpoints[0].answer = status(500)

    with pytest.raises(TransportError):
        await rpc.send_raw_transaction(b"\x02")

    assert [len(endpoint.bodies) for endpoint in endpoints] == [1, 0]
    assert await rpc.send_raw_transaction(b"\x02") == "eth_sendRawTransaction"
    assert [len(endpoint.bodies) for endpoint in endpoints] == [1, 1]


async def test_errors_do_not_show_the_key_in_the_url(rpc: Rpc, endpoints: list[Endpoint]) -> None:
    for endpoint in endpoints:
        await endpoint.server.close()

    with pytest.raises(TransportError) as caught:
        await rpc.call("eth_chainId")

    assert "SECRET" not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)


def test_at_least_one_endpoint_is_needed() -> None:
    with pytest.raises(ValueError, match="rpc_url"):
        Rpc([])


async def test_an_endpoint_may_be_given_by_its_websocket_address(
    endpoints: list[Endpoint],
) -> None:
    rpc = Rpc([endpoints[0].url.replace("http://", "ws://")])

    assert await rpc.call("eth_chainId") == "eth_chainId"
    await rpc.close()


async def test_what_may_no_longer_be_sent_is_not(endpoints: list[Endpoint]) -> None:
    mine = True
    rpc = Rpc([endpoints[0].url], may_send=lambda: mine)
    assert await rpc.send_raw_transaction(b"\x01") == "eth_sendRawTransaction"
    mine = False
    with pytest.raises(TransportError, match="another process sends for this account"):
        await rpc.send_raw_transaction(b"\x02")
    # Reading goes on.
    assert await rpc.call("eth_chainId") == "eth_chainId"
    assert [body["method"] for body in endpoints[0].bodies] == [
        "eth_sendRawTransaction",
        "eth_chainId",
    ]
    await rpc.close()
