"""Many callers in few HTTP requests, and none of them at the mercy of another."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from infernet_node.chain.coalescing import MAX_BYTES, Coalescer
from infernet_node.chain.requests import MAX_BATCH, Request
from infernet_node.chain.rpc_errors import TransportError

POISON = "poison"


class Endpoint:
    """Answers with the method, unless it is down or a batch holds poison."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.down = False

    async def __call__(self, requests: Sequence[Request]) -> list[Any]:
        self.batches.append(len(requests))
        await asyncio.sleep(0)
        if self.down or any(request.method == POISON for request in requests):
            raise TransportError("no answer")
        return [request.method for request in requests]


async def ask_all(coalescer: Coalescer, methods: Sequence[str]) -> list[Any]:
    asked = (coalescer.ask([Request(method), Request(f"{method}!")]) for method in methods)
    return list(await asyncio.gather(*asked, return_exceptions=True))


async def test_what_is_asked_at_the_same_time_goes_in_one_batch() -> None:
    endpoint = Endpoint()
    methods = [f"m{number}" for number in range(40)]

    results = await ask_all(Coalescer(endpoint, isolate=True), methods)

    assert results == [[method, f"{method}!"] for method in methods]
    assert endpoint.batches == [80]


async def test_what_several_ask_in_the_same_words_is_asked_once() -> None:
    endpoint = Endpoint()
    coalescer = Coalescer(endpoint, isolate=True)
    unlike = Request("call", ({"to": "0x01"},))

    results = await asyncio.gather(
        coalescer.ask([Request("a"), Request("block", ("0x1", False))]),
        coalescer.ask([unlike, Request("block", ("0x1", False))]),
        coalescer.ask([Request("block", ("0x2", False)), unlike]),
    )

    assert list(results) == [["a", "block"], ["call", "block"], ["block", "call"]]
    assert endpoint.batches == [5]


async def test_batches_are_no_larger_than_endpoints_take() -> None:
    endpoint = Endpoint()
    methods = [f"m{number}" for number in range(MAX_BATCH)]

    results = await ask_all(Coalescer(endpoint, isolate=True), methods)

    assert len(results) == MAX_BATCH
    assert max(endpoint.batches) <= MAX_BATCH


async def test_long_requests_are_not_put_together() -> None:
    endpoint = Endpoint()
    coalescer = Coalescer(endpoint, isolate=True)
    request = Request("long", ("x" * (MAX_BYTES - 100),))

    await asyncio.gather(coalescer.ask([request]), coalescer.ask([request]))

    assert endpoint.batches == [1, 1]


@pytest.mark.parametrize("place", [0, 3, 9])
async def test_a_question_that_cannot_be_answered_takes_no_other_with_it(place: int) -> None:
    methods = [f"m{number}" for number in range(10)]
    methods[place] = POISON

    results = await ask_all(Coalescer(Endpoint(), isolate=True), methods)

    failed = [index for index, result in enumerate(results) if isinstance(result, TransportError)]
    assert failed == [place]


async def test_an_endpoint_that_is_down_is_not_asked_for_each_caller() -> None:
    endpoint = Endpoint()
    endpoint.down = True

    results = await ask_all(Coalescer(endpoint, isolate=True), ["m"] * 20)

    assert all(isinstance(result, TransportError) for result in results)
    assert len(endpoint.batches) <= 3


async def test_sends_are_not_repeated() -> None:
    endpoint = Endpoint()
    endpoint.down = True

    results = await ask_all(Coalescer(endpoint, isolate=False), ["send"] * 20)

    assert all(isinstance(result, TransportError) for result in results)
    assert len(endpoint.batches) == 1


async def test_a_cancelled_caller_does_not_disturb_the_others() -> None:
    coalescer = Coalescer(Endpoint(), isolate=True)
    first = asyncio.create_task(coalescer.ask([Request("first")]))
    second = asyncio.create_task(coalescer.ask([Request("second")]))
    await asyncio.sleep(0)
    first.cancel()

    assert await second == ["second"]


async def test_a_defect_of_ours_reaches_who_asked_and_nobody_waits_for_ever() -> None:
    async def broken(_requests: Sequence[Request]) -> list[Any]:
        raise RecursionError("too deep")

    results = await ask_all(Coalescer(broken, isolate=True), ["a", "b"])

    assert [type(result) for result in results] == [RecursionError] * 2


async def test_what_is_asked_when_it_is_closed_is_given_up() -> None:
    begun = 0

    async def silent(_requests: Sequence[Request]) -> list[Any]:
        nonlocal begun
        begun += 1
        await asyncio.Event().wait()
        raise AssertionError

    coalescer = Coalescer(silent, isolate=True)
    # More than are under way at the same time: some wait for their turn.
    asked = [asyncio.create_task(coalescer.ask([Request("m")] * MAX_BATCH)) for _ in range(9)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    before = begun
    await coalescer.close()

    results = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(result, TransportError) for result in results)
    assert begun == before
