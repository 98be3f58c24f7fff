"""Chain time, and when the next block may come."""

import asyncio
from collections.abc import Sequence

import pytest

from infernet_node.chain.clock import ChainClock
from test.node.chain.rows import head


def clock_after(*blocks: tuple[int, int]) -> ChainClock:
    clock = ChainClock()
    for number, timestamp in blocks:
        clock.advance(head(number, timestamp))
    return clock


def test_before_the_first_head_it_is_the_beginning_of_time() -> None:
    clock = ChainClock()
    assert (clock.head, clock.now, clock.next) == (None, 0, 1)


@pytest.mark.parametrize(
    ("blocks", "expected"),
    [
        ([(1, 100)], 101),
        ([(1, 100), (2, 112)], 124),
        ([(1, 100), (2, 112), (3, 114)], 116),  # the shortest gap counts
        ([(1, 100), (2, 100)], 101),  # never the same second
        ([(1, 100), (5, 148)], 149),  # blocks in between were not seen
        ([(5, 148), (4, 140)], 141),  # a reorganisation is no gap
    ],
)
def test_the_next_block_comes_no_sooner_than_one_ever_did(
    blocks: Sequence[tuple[int, int]], expected: int
) -> None:
    assert clock_after(*blocks).next == expected


def test_gaps_of_long_ago_are_forgotten() -> None:
    quick = [(number, 100 + number) for number in range(3)]
    slow = [(number, 102 + (number - 2) * 12) for number in range(3, 11)]

    clock = clock_after(*quick, *slow)

    assert clock.next == clock.now + 12


async def test_everyone_who_waits_hears_of_the_next_head_and_only_of_that() -> None:
    clock = clock_after((1, 100))
    waiting = [asyncio.create_task(clock.next_head()) for _ in range(3)]
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)

    clock.advance(head(2, 101))
    async with asyncio.timeout(10):
        await asyncio.gather(*waiting)

    late = asyncio.create_task(clock.next_head())
    await asyncio.sleep(0)
    assert not late.done()
    late.cancel()
