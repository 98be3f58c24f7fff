"""Heads over WebSocket wake the node up; whatever becomes of them, nothing depends on them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import WSMsgType, web

from infernet_node.chain.heads import Heads
from test.node.chain.world import Chain, Log, Node, Pipeline
from test.support.anvil import Anvil

NEVER = 1_000_000.0
"""Seconds. Who waits so long was not woken, and the test fails."""
LONGER_THAN_ANY_TEST = 600.0

Script = Callable[["Teller"], Awaitable[None]]


def ws(url: str) -> str:
    return url.replace("http://", "ws://")


@dataclass
class Teller:
    """One connection to a scripted endpoint."""

    socket: web.WebSocketResponse

    async def tell(self, number: int) -> None:
        head = {"subscription": "0x1", "result": {"number": hex(number)}}
        await self.say({"jsonrpc": "2.0", "method": "eth_subscription", "params": head})

    async def say(self, message: object) -> None:
        await self.socket.send_json(message)

    async def silence(self) -> None:
        """The connection lives: pings are answered until the client leaves."""
        async for message in self.socket:
            assert message.type is WSMsgType.TEXT


@dataclass
class Endpoint:
    """Follows a script for each connection, the last one for all that come after."""

    scripts: list[Script]
    url: str = ""
    subscribed: list[object] = field(default_factory=list)
    connected: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.subscribed.append((await socket.receive_json())["params"])
        async with self.connected:
            self.connected.notify_all()
        await socket.send_json({"jsonrpc": "2.0", "id": 1, "result": "0x1"})
        number = min(len(self.subscribed), len(self.scripts)) - 1
        await self.scripts[number](Teller(socket))
        await socket.close()
        return socket

    async def connections(self, count: int) -> None:
        """Returns once so many have been made."""
        async with self.connected:
            await self.connected.wait_for(lambda: len(self.subscribed) >= count)


@asynccontextmanager
async def endpoint(*scripts: Script) -> AsyncIterator[Endpoint]:
    served = Endpoint(list(scripts))
    application = web.Application()
    application.router.add_get("/", served.serve)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    served.url = f"ws://{host}:{port}/?key=secret"
    yield served
    await runner.cleanup()


@asynccontextmanager
async def listening(heads: Heads) -> AsyncIterator[Heads]:
    task = asyncio.create_task(heads.run())
    try:
        async with asyncio.timeout(60):
            yield heads
    finally:
        task.cancel()
        await asyncio.wait([task])


@asynccontextmanager
async def told_by(
    *scripts: Script, first: str | None = None, **options: Any
) -> AsyncIterator[tuple[Endpoint, Heads]]:
    """Runs an endpoint, and heads that listen to it, after another one if there is a first."""
    async with endpoint(*scripts) as server:
        urls = [url for url in (first, server.url) if url]
        async with listening(Heads(urls, **options)) as heads:
            yield server, heads


async def tell_7_and_stop(teller: Teller) -> None:
    await teller.tell(7)


async def tell_7_and_go_silent(teller: Teller) -> None:
    await teller.tell(7)
    await teller.silence()


async def tell_8_and_stay(teller: Teller) -> None:
    await teller.tell(8)
    await teller.silence()


async def test_a_new_block_wakes_whoever_waits(anvil: Anvil) -> None:
    async with listening(Heads([ws(anvil.url)])) as heads:

        async def mine_until_woken() -> None:
            while not woken.done():
                await asyncio.to_thread(anvil.mine)
                await asyncio.sleep(0.01)

        woken = asyncio.create_task(heads.wait(NEVER))
        await mine_until_woken()


async def test_a_node_answers_though_it_would_not_have_looked_by_itself(
    chain: Chain, database_url: str, pipeline: Pipeline, log: Log
) -> None:
    node = Node(
        chain,
        database_url,
        pipeline,
        rpc_url=ws(chain.anvil.url),
        sync_period=LONGER_THAN_ANY_TEST,
    )
    await node.start()
    await node.until(lambda: node.service.status == "ready")
    subscription_id = chain.ask("who woke you?")

    await node.until(lambda: chain.deliveries(subscription_id) == 1)

    assert chain.answer(subscription_id) == "echo: who woke you?"
    await node.stop()


async def test_without_an_endpoint_waiting_is_all() -> None:
    async with listening(Heads([])) as heads:
        await heads.wait(0.001)

        assert not heads.reliable


async def test_a_connection_that_the_server_closes_in_order_is_made_again() -> None:
    async with told_by(tell_7_and_stop, tell_8_and_stay) as (server, heads):
        await heads.wait(NEVER)
        await heads.wait(NEVER)
        heads.found(8)

        assert server.subscribed == [["newHeads"], ["newHeads"]]
        assert heads.reliable


async def test_heads_that_stop_while_the_connection_lives_are_noticed_and_asked_for_anew(
    log: Log,
) -> None:
    now = 0.0
    async with told_by(tell_7_and_go_silent, tell_8_and_stay, patience=10, clock=lambda: now) as (
        server,
        heads,
    ):
        await heads.wait(NEVER)
        heads.found(7)
        assert heads.reliable

        heads.found(8)
        assert not heads.reliable
        await heads.wait(0.001)  # as often as without a WebSocket
        now = 9.0
        heads.found(9)
        assert not log.has("heads have stopped coming")
        now = 10.0
        heads.found(10)

        await server.connections(2)
        assert log.has("heads have stopped coming.*found=10.*told=7")
        await heads.wait(NEVER)


@pytest.mark.parametrize(
    ("found", "period", "pause"),
    [(8, 0.5, 5.0), (8, 0.1, 1.0), (8, 30.0, 30.0), (9, 0.5, 0.5), (7, 0.5, 0.5)],
    ids=["told of all", "ten times", "never sooner", "one was not told", "cannot be read yet"],
)
async def test_while_every_head_is_told_the_node_looks_less_often_by_itself(
    found: int, period: float, pause: float
) -> None:
    async with endpoint(tell_8_and_stay) as server, listening(Heads([server.url])) as heads:
        await heads.wait(NEVER)
        heads.found(found)

        assert heads.pause(period) == pause


async def test_a_head_that_is_told_late_is_no_reason_to_give_up(log: Log) -> None:
    now = 0.0
    go_on = asyncio.Event()

    async def tell_late(teller: Teller) -> None:
        await teller.tell(7)
        await go_on.wait()
        await teller.tell(8)
        await teller.silence()

    async with told_by(tell_late, patience=10, clock=lambda: now) as (server, heads):
        await heads.wait(NEVER)
        heads.found(8)
        go_on.set()
        await heads.wait(NEVER)
        now = 100.0
        heads.found(9)

        assert not log.has("heads have stopped coming")
        assert len(server.subscribed) == 1


async def test_an_endpoint_that_is_behind_the_heads_it_tells_of_is_asked_soon_again() -> None:
    async with endpoint(tell_8_and_stay) as server, listening(Heads([server.url])) as heads:
        await heads.wait(NEVER)
        heads.found(7)

        assert not heads.reliable


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ({"jsonrpc": "2.0", "id": 1, "error": {"code": -32601, "message": "no such method"}}, "no"),
        ({"jsonrpc": "2.0", "method": "eth_subscription", "params": {}}, "else than heads"),
        (["what?"], "else than heads"),
    ],
)
async def test_an_endpoint_without_heads_is_left_and_tried_again_later(
    log: Log, message: object, reason: str
) -> None:
    async def say(teller: Teller) -> None:
        await teller.say(message)
        await teller.silence()

    async with told_by(say, tell_8_and_stay) as (_, heads):
        await heads.wait(NEVER)

        assert log.has(f"no heads.*reason=.*{reason}")
        assert not log.has("secret")


async def test_the_next_endpoint_is_tried_when_one_cannot_be_reached(log: Log) -> None:
    async with told_by(tell_8_and_stay, first="ws://127.0.0.1:1/?key=secret") as (_, heads):
        await heads.wait(NEVER)

        assert log.has("no heads.*127.0.0.1:1")
        assert not log.has("secret")


async def test_a_node_whose_heads_stop_goes_on_by_looking(
    chain: Chain, database_url: str, pipeline: Pipeline
) -> None:
    async with endpoint(tell_7_and_go_silent) as server:
        node = Node(chain, database_url, pipeline, ws_url=server.url)
        await node.start()
        await server.connections(1)
        subscription_id = chain.ask("still there?")

        await node.until(lambda: chain.deliveries(subscription_id) == 1)

        await node.stop()
