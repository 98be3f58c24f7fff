"""Subscriptions are found whatever else is on the chain, and however much of it there is."""

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from eth_abi.abi import decode

from infernet_node import guardian
from infernet_node.chain import tracker
from infernet_node.chain.contracts import READ_SUBSCRIPTION_BATCH, Coordinator, Reader
from infernet_node.chain.cursor import Cursor
from infernet_node.chain.header import Header
from infernet_node.chain.listener import Listener
from infernet_node.chain.requests import Request
from infernet_node.chain.rpc import Rpc
from infernet_node.chain.rpc_errors import RefusedError, RevertError, TransportError
from test.node.chain.world import REQUESTER, Chain, Log, Node, Pipeline


@pytest.fixture
def listener(chain: Chain, rpc: Rpc) -> Listener:
    coordinator = Coordinator(chain.contracts["EIP712Coordinator"])
    return Listener(rpc, coordinator, Reader(chain.contracts["Reader"]), batch_size=3)


async def snapshot_ids(listener: Listener) -> list[int]:
    step = await listener.step(await listener.head(), [])
    assert step is not None
    return [found.id for found in step.found]


async def test_a_snapshot_reads_everything_in_batches(chain: Chain, listener: Listener) -> None:
    expected = [chain.ask(f"question {number}") for number in range(10)]

    assert await snapshot_ids(listener) == expected


async def test_a_snapshot_starts_where_it_is_told_to(chain: Chain, listener: Listener) -> None:
    ids = [chain.ask(f"question {number}") for number in range(4)]
    listener.first_id = ids[2]
    assert await snapshot_ids(listener) == ids[2:]

    listener.first_id = ids[3] + 1_000
    assert await snapshot_ids(listener) == []


async def test_what_is_over_is_dropped_without_a_trace(chain: Chain, listener: Listener) -> None:
    chain.cancel(chain.schedule(["cancelled"], period=50))
    chain.schedule(["expired"], period=2)
    alive = chain.schedule(["alive"], period=50)
    chain.anvil.mine(5)

    assert await snapshot_ids(listener) == [alive]


async def test_what_a_lagging_backend_does_not_know_yet_is_asked_for_again(
    chain: Chain, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = chain.ask("known everywhere")
    behind = hex(chain.anvil.number)
    new = chain.ask("known to the one and not to the other")
    batch = Rpc.batch

    async def reader_lags(self: Rpc, requests: Any) -> list[Any]:
        """The Reader is served by a backend that lacks the last block."""
        late = [
            replace(request, params=(request.params[0], behind))
            if request.method == "eth_call" and request.params[0]["to"] == listener.reader.address
            else request
            for request in requests
        ]
        return await batch(self, late)

    with monkeypatch.context() as lagging:
        lagging.setattr(Rpc, "batch", reader_lags)
        with pytest.raises(TransportError, match=f"subscription {new} is given out"):
            await snapshot_ids(listener)

    assert await snapshot_ids(listener) == [known, new]


async def test_a_log_that_knows_more_than_the_state_is_of_another_chain(
    chain: Chain, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain.ask("known everywhere")
    head = await listener.head()
    since = Cursor(head.number, head.hash, next_id=2)
    new = chain.ask("in the log and not yet in the state")
    next_id = listener.coordinator.next_id()
    one_less = replace(next_id, decode=lambda returned: next_id.decode(returned) - 1)

    with monkeypatch.context() as divided:
        divided.setattr(Coordinator, "next_id", lambda self: one_less)
        with pytest.raises(TransportError, match="different chains"):
            await listener.step(await listener.head(), [since])

    step = await listener.step(await listener.head(), [since])
    assert step is not None
    assert [found.id for found in step.found] == [new]


async def test_a_subscription_that_no_backend_knows_hides_no_other_for_ever(
    chain: Chain, listener: Listener, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = chain.ask("known")
    next_id = listener.coordinator.next_id()
    one_more = replace(next_id, decode=lambda returned: next_id.decode(returned) + 1)
    monkeypatch.setattr(Coordinator, "next_id", lambda self: one_more)

    found: list[int] = []
    for _ in range(20):
        with suppress(TransportError):
            found = await snapshot_ids(listener)

    assert found == [known]
    assert log.has(f"skipping them.*{known + 1}")


async def test_answered_callbacks_are_known_to_be_completed(
    chain: Chain, node: Node, listener: Listener
) -> None:
    chain.ask("done")
    await node.until(lambda: chain.deliveries() == 1)
    chain.ask("open")

    step = await listener.step(await listener.head(), [])

    assert step is not None
    assert [found.completed for found in step.found] == [True, False]


async def test_one_that_cannot_be_read_does_not_hide_the_others(
    chain: Chain, listener: Listener, monkeypatch: pytest.MonkeyPatch, log: Log
) -> None:
    ids = [chain.ask(f"question {number}") for number in range(7)]
    poisonous = ids[4]
    read = Rpc.batch

    async def choke(self: Rpc, requests: list[Request]) -> list[Any]:
        results = await read(self, requests)
        return [
            RevertError("execution reverted") if _reads(request, poisonous) else result
            for request, result in zip(requests, results, strict=True)
        ]

    monkeypatch.setattr(Rpc, "batch", choke)

    assert await snapshot_ids(listener) == [id_ for id_ in ids if id_ != poisonous]
    assert log.has(f"cannot be read.*id={poisonous}")


def _reads(request: Request, subscription_id: int) -> bool:
    if request.method != "eth_call":
        return False
    data = bytes.fromhex(request.params[0]["data"][2:])
    if data[:4] != READ_SUBSCRIPTION_BATCH.selector:
        return False
    start, end = decode(READ_SUBSCRIPTION_BATCH.inputs, data[4:])
    return bool(start <= subscription_id < end)


async def test_w_16_one_that_cannot_be_judged_does_not_hold_up_the_others(
    chain: Chain, node: Node, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, log: Log
) -> None:
    judge = guardian.check_subscription

    def stumble(subscription_id: int, *args: Any, **kwargs: Any) -> Any:
        if subscription_id == 1:
            raise OverflowError("a number nobody thought of")
        return judge(subscription_id, *args, **kwargs)

    monkeypatch.setattr("infernet_node.chain.tracker.check_subscription", stumble)
    chain.ask("poison")
    good = chain.ask("good")

    await node.until(lambda: chain.deliveries(good) == 1)

    assert chain.deliveries() == 1
    assert log.has("cannot be judged.*id=1")


async def test_a_range_of_logs_that_is_refused_is_read_in_parts(
    chain: Chain, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancelled = [chain.schedule(["never"], period=1_000) for _ in range(3)]
    block = chain.anvil.rpc("eth_getBlockByNumber", "latest", False)
    since = Cursor(int(block["number"], 16), block["hash"], chain.next_id)
    for id_ in cancelled:
        chain.cancel(id_)
        chain.anvil.mine(3)
    read = Rpc.batch

    async def refuse_long_ranges(self: Rpc, requests: list[Request]) -> list[Any]:
        results = await read(self, requests)
        return [
            RefusedError(-32602, "query exceeds max block range 2")
            if request.method == "eth_getLogs" and _length(request) > 2
            else result
            for request, result in zip(requests, results, strict=True)
        ]

    monkeypatch.setattr(Rpc, "batch", refuse_long_ranges)
    step = await listener.step(await listener.head(), [since])

    assert step is not None
    assert step.cancelled == cancelled


def _length(request: Request) -> int:
    bounds = request.params[0]
    return int(bounds["toBlock"], 16) - int(bounds["fromBlock"], 16) + 1


async def test_nothing_is_read_twice(chain: Chain, listener: Listener) -> None:
    chain.ask("first")
    first = await listener.step(await listener.head(), [])
    assert first is not None
    assert await listener.step(await listener.head(), [first.cursor]) is None

    second_id = chain.ask("second")
    second = await listener.step(await listener.head(), [first.cursor])

    assert second is not None
    assert [found.id for found in second.found] == [second_id]


async def test_blocks_before_the_contracts_have_no_subscriptions(
    chain: Chain, listener: Listener
) -> None:
    id_ = chain.ask("too new")
    listener.trail = 10_000
    step = await listener.step(await listener.head(), [])
    assert step is not None
    assert (step.found, step.cursor.number) == ([], 0)

    listener.trail = 0
    step = await listener.step(await listener.head(), [step.cursor])

    assert step is not None
    assert [found.id for found in step.found] == [id_]


async def test_a_block_without_logs_of_the_coordinator_says_so(chain: Chain, rpc: Rpc) -> None:
    coordinator = chain.contracts["EIP712Coordinator"]
    chain.anvil.mine()
    empty = Header.from_rpc(await rpc.call("eth_getBlockByNumber", "latest", False))
    chain.ask("logged?")
    asked = Header.from_rpc(await rpc.call("eth_getBlockByNumber", "latest", False))

    assert not empty.may_have_logs_of(coordinator)
    assert asked.may_have_logs_of(coordinator)
    assert not asked.may_have_logs_of(chain.contracts["Fee"])
    # Some chains compute no filter: nothing can be concluded from an empty one.
    assert replace(asked, logs_bloom=0).may_have_logs_of(chain.contracts["Fee"])


async def test_a_first_look_at_thousands_does_not_fill_the_log(
    chain: Chain, node: Node, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracker, "MOST_LINES", 2)
    await node.stop()
    for _ in range(5):
        chain.subscribe_as(REQUESTER, container="somebody-elses")
    ours = [chain.schedule(["later"], period=1_000) for _ in range(3)]

    await node.start()
    await node.until(lambda: log.has("tracked more subscriptions"))

    assert log.count("ignored subscription creation") == 2
    assert log.has("ignored more subscriptions.*count=3.*infernet-node why")
    assert log.count("tracked new subscription") == 2
    assert log.has("tracked more subscriptions.*count=1")
    histories = [await node.service.history(str(id_), None) for id_ in (5, ours[-1])]
    assert [history[0].state for history in histories] == [
        "ignored(Container-set not supported)",
        "tracked",
    ]
