"""Room for so many transactions, whoever put them there."""

import asyncio

from infernet_node.chain.slots import Slots


async def begun(*waiting: "asyncio.Task[None]") -> list[bool]:
    """Lets tasks go as far as they can; tells which have got through."""
    for _ in range(5):
        await asyncio.sleep(0)
    return [task.done() for task in waiting]


def reserve(slots: Slots) -> "asyncio.Task[None]":
    return asyncio.create_task(slots.reserve())


async def test_more_than_there_is_room_for_wait_in_their_order() -> None:
    slots = Slots(2)
    tasks = [reserve(slots) for _ in range(4)]
    assert await begun(*tasks) == [True, True, False, False]

    slots.give_back()
    assert await begun(*tasks) == [True, True, True, False]
    slots.give_back()
    assert await begun(*tasks) == [True, True, True, True]


async def test_a_reservation_that_becomes_a_transaction_keeps_its_place() -> None:
    slots = Slots(1)
    await slots.reserve()
    slots.hold(7)
    slots.give_back()
    next_one = reserve(slots)
    assert await begun(next_one) == [False]

    slots.free(7)
    assert await begun(next_one) == [True]


async def test_what_was_there_before_counts_though_it_is_too_much() -> None:
    slots = Slots(2)
    for row_id in (1, 2, 3, 3):
        slots.hold(row_id)
    new = reserve(slots)

    slots.free(1)
    slots.free(99)
    assert await begun(new) == [False]
    slots.free(2)
    assert await begun(new) == [True]


async def test_who_no_longer_wants_to_leaves_the_queue() -> None:
    slots = Slots(1)
    await slots.reserve()
    first, second = reserve(slots), reserve(slots)
    await begun(first, second)
    first.cancel()
    await asyncio.wait([first])

    slots.give_back()

    assert await begun(second) == [True]


async def test_who_is_cancelled_when_admitted_hands_the_place_on() -> None:
    slots = Slots(1)
    await slots.reserve()
    first, second = reserve(slots), reserve(slots)
    await begun(first, second)

    slots.give_back()
    first.cancel()

    assert await begun(second) == [True]
    assert first.cancelled()
