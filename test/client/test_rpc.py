"""The JSON-RPC connection: what it answers, how it fails, and that it closes what it opens."""

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from web3.types import Wei

from infernet_client.chain.abis import ERC20_ABI
from infernet_client.chain.rpc import RPC
from infernet_client.error import ParameterError, RpcError
from test.client.deployed import OTHER, OTHER_KEY, OWNER, OWNER_KEY, DeployedChain
from test.support.anvil import CHAIN_ID, run_anvil
from test.support.faulty_rpc import Fault, faulty_rpc


@pytest.fixture
async def odd_endpoint() -> AsyncIterator[TestServer]:
    """Answers no JSON-RPC, or none of use, under a path that holds a key."""

    async def answer(request: web.Request) -> web.Response:
        kind = request.match_info["kind"]
        if kind == "error":
            error = {"code": -32005, "message": "limit exceeded"}
            return web.json_response({"jsonrpc": "2.0", "id": 0, "error": error}, status=429)
        if kind == "nothing":
            return web.json_response({"jsonrpc": "2.0", "id": 0, "result": None})
        if kind == "json":
            return web.json_response({"error": "Not Found"}, status=403)
        if kind == "text":
            return web.json_response({"jsonrpc": "2.0", "id": 0, "error": "no"}, status=403)
        if kind == "hang-up":
            assert request.transport is not None
            request.transport.close()
        if kind == "silence":
            await asyncio.Event().wait()
        return web.Response(text="[1]" if kind == "list" else "<html>", status=403)

    app = web.Application()
    app.router.add_post("/key-s3cret/{kind}", answer)
    server = TestServer(app, shutdown_timeout=0.1)
    await server.start_server()
    yield server
    await server.close()


async def test_what_it_answers(chain: DeployedChain, rpc: RPC) -> None:
    assert await rpc.get_chain_id() == CHAIN_ID
    assert rpc.account.address == OWNER
    assert rpc.get_checksum_address(OTHER.lower()) == OTHER
    assert await rpc.get_balance(OTHER) > 0
    assert await rpc.get_nonce(OTHER) == 0


async def test_a_transaction_is_filled_signed_and_mined(rpc: RPC) -> None:
    before = await rpc.get_balance(OTHER)

    tx_hash = await rpc.send_transaction({"to": rpc.get_checksum_address(OTHER), "value": Wei(5)})
    receipt = await rpc.get_tx_receipt(tx_hash)

    assert receipt["status"] == 1
    assert receipt["from"] == OWNER
    assert receipt == await rpc.get_tx_receipt(tx_hash.to_0x_hex())
    assert await rpc.get_balance(OTHER) == before + 5


async def test_transactions_sent_at_once_get_different_nonces(rpc: RPC) -> None:
    first = await rpc.get_nonce(OWNER)
    to = rpc.get_checksum_address(OTHER)

    hashes = await asyncio.gather(
        *(rpc.send_transaction({"to": to, "value": Wei(n)}) for n in range(4))
    )
    await asyncio.gather(*(rpc.get_tx_receipt(tx_hash) for tx_hash in hashes))

    assert len(set(hashes)) == 4
    assert await rpc.get_nonce(OWNER) == first + 4


async def test_a_contract_object_sends_from_the_account(chain: DeployedChain, rpc: RPC) -> None:
    token = rpc.get_contract(chain.token, ERC20_ABI)

    await rpc.get_tx_receipt(await token.functions.transfer(OTHER, 7).transact())

    assert await token.functions.balanceOf(OTHER).call() == 7


async def test_the_account_can_be_changed(rpc: RPC) -> None:
    assert await rpc.initialize_with_private_key(OTHER_KEY.removeprefix("0x")) is rpc

    tx_hash = await rpc.send_transaction({"to": rpc.get_checksum_address(OWNER)})

    assert (await rpc.get_tx_receipt(tx_hash))["from"] == OTHER


async def test_a_chain_from_before_eip_1559_gets_a_gas_price() -> None:
    with run_anvil(["--hardfork", "berlin"]) as anvil:
        async with RPC(anvil.url) as old:
            await old.initialize_with_private_key(OTHER_KEY)
            tx_hash = await old.send_transaction({"to": old.get_checksum_address(OWNER)})

            assert (await old.get_tx_receipt(tx_hash))["status"] == 1


async def test_there_is_no_account_before_there_is_a_key(chain: DeployedChain) -> None:
    with pytest.raises(ValueError, match="Account not initialized"):
        _ = RPC(chain.url).account


@pytest.mark.parametrize("key", ["", "0x12", "zz" * 32, "0x" + "00" * 32, "ff" * 32, None, 5])
async def test_a_key_that_is_none_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(ParameterError) as caught:
        await RPC("http://127.0.0.1:1").initialize_with_private_key(key)

    assert str(caught.value) == "private_key: not 64 hex digits (0x optional) of a valid key"


async def test_a_transaction_that_is_not_mined_is_a_timeout(chain: DeployedChain, rpc: RPC) -> None:
    with pytest.raises(TimeoutError, match=r"transaction 0x1212.* is not mined after 0\.01 s"):
        await rpc.get_tx_receipt("0x" + "12" * 32, 0.01)


async def test_an_endpoint_that_stumbles_is_asked_for_the_receipt_again(
    chain: DeployedChain,
) -> None:
    async with faulty_rpc(chain.url) as proxy, RPC(proxy.url) as rpc:
        await rpc.initialize_with_private_key(OWNER_KEY)
        tx_hash = await rpc.send_transaction({"to": OTHER, "value": Wei(1)})
        proxy.fault, proxy.only = Fault.RESET, "eth_getTransactionReceipt"

        waiting = asyncio.create_task(rpc.get_tx_receipt(tx_hash))
        await proxy.failed.wait()
        proxy.fault = Fault.RATE_LIMIT
        proxy.failed.clear()
        await proxy.failed.wait()
        proxy.fault = None

        assert (await waiting)["status"] == 1

        proxy.fault = Fault.RATE_LIMIT
        long_enough_for_an_answer = 3
        with pytest.raises(TimeoutError, match=f"{tx_hash.to_0x_hex()} .*HTTP 429.*may still be"):
            await rpc.get_tx_receipt(tx_hash, long_enough_for_an_answer)


async def test_a_transaction_whose_sending_was_not_answered_is_named(
    chain: DeployedChain, rpc: RPC
) -> None:
    async with faulty_rpc(chain.url) as proxy, RPC(proxy.url) as unlucky:
        await unlucky.initialize_with_private_key(OWNER_KEY)
        proxy.fault, proxy.only = Fault.LOST_ANSWER, "eth_sendRawTransaction"

        with pytest.raises(RpcError, match=r"0x[0-9a-f]{64} may have been sent") as caught:
            await unlucky.send_transaction({"to": OTHER, "value": Wei(1)})

    (tx_hash,) = re.findall("0x[0-9a-f]{64}", str(caught.value))
    assert (await rpc.get_tx_receipt(tx_hash))["status"] == 1


async def test_an_endpoint_that_is_not_there() -> None:
    with pytest.raises(
        RpcError, match=r"^cannot reach the endpoint http://127\.0\.0\.1:1 \(Connection refused\)$"
    ):
        await RPC("http://127.0.0.1:1/key-s3cret").get_chain_id()
    assert await RPC("http://127.0.0.1:1").web3.is_connected() is False


@pytest.mark.parametrize("kind", ["page", "list", "json", "text"])
async def test_an_answer_that_is_no_json_rpc_hides_the_path(
    odd_endpoint: TestServer, kind: str
) -> None:
    rpc = RPC(str(odd_endpoint.make_url(f"/key-s3cret/{kind}")))

    with pytest.raises(RpcError, match="HTTP 403, and no JSON-RPC answer") as caught:
        await rpc.get_chain_id()

    assert "s3cret" not in str(caught.value)


async def test_a_json_rpc_error_is_told_whatever_the_http_status(odd_endpoint: TestServer) -> None:
    rpc = RPC(str(odd_endpoint.make_url("/key-s3cret/error")))

    with pytest.raises(RpcError, match=r"^limit exceeded$"):
        await rpc.get_chain_id()


async def test_the_time_of_the_latest_block(
    chain: DeployedChain, rpc: RPC, odd_endpoint: TestServer
) -> None:
    assert await rpc.get_block_timestamp() == chain.anvil.timestamp
    for kind, problem in (("error", "limit exceeded"), ("nothing", "no latest block is known")):
        with pytest.raises(RpcError, match=f"^{problem}$"):
            await RPC(str(odd_endpoint.make_url(f"/key-s3cret/{kind}"))).get_block_timestamp()


async def test_an_endpoint_that_hangs_up_or_never_answers(
    odd_endpoint: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs_up, silent = (
        RPC(str(odd_endpoint.make_url(f"/key-s3cret/{kind}"))) for kind in ("hang-up", "silence")
    )
    origin = f"http://127.0.0.1:{odd_endpoint.port}"

    with pytest.raises(RpcError, match=rf"^{origin}: eth_chainId: ServerDisconnectedError$"):
        await hangs_up.get_chain_id()
    monkeypatch.setattr("infernet_client.chain.provider.TIMEOUT", 0.05)
    with pytest.raises(TimeoutError, match=rf"^{origin}: no answer to eth_chainId in 0\.05 s$"):
        await silent.get_chain_id()


@pytest.mark.parametrize("url", ["", "ws://127.0.0.1:8545", "127.0.0.1:8545", "http://["])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="rpc_url: not an HTTP address"):
        RPC(url)
