"""Work that must not end by itself."""

import asyncio

import pytest

from infernet_node.supervision import StopRequest, finish_or_cancel, keep_running


async def test_failed_work_is_started_again_more_and_more_rarely() -> None:
    pauses: list[float] = []
    runs = 0

    async def work() -> None:
        nonlocal runs
        runs += 1
        if runs % 2:
            raise RuntimeError("trouble")

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 9:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await keep_running("work", work, sleep)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert runs == 9


async def test_work_that_went_well_for_long_is_started_again_at_once() -> None:
    now = 0.0
    lengths = iter([1, 1, 1, 3600, 1])
    pauses: list[float] = []

    async def work() -> None:
        nonlocal now
        length = next(lengths, None)
        if length is None:
            raise asyncio.CancelledError
        now += length
        raise RuntimeError("trouble")

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    with pytest.raises(asyncio.CancelledError):
        await keep_running("work", work, sleep, clock=lambda: now)
    assert pauses == [1, 2, 4, 1, 2]


async def test_cancelling_ends_it() -> None:
    running = asyncio.create_task(keep_running("work", asyncio.Event().wait))
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_tasks_that_finish_are_not_cancelled() -> None:
    tasks = [asyncio.create_task(asyncio.sleep(0)) for _ in range(3)]
    assert await finish_or_cancel(tasks, 30, asyncio.Event()) == 0
    assert not any(task.cancelled() for task in tasks)
    assert await finish_or_cancel([], 30, asyncio.Event()) == 0


async def test_tasks_that_take_too_long_are_cancelled() -> None:
    quick = asyncio.create_task(asyncio.sleep(0))
    slow = asyncio.create_task(asyncio.Event().wait())
    assert await finish_or_cancel([quick, slow], 0.01, asyncio.Event()) == 1
    assert slow.cancelled()


async def test_a_second_request_does_not_wait() -> None:
    stop = StopRequest()
    slow = asyncio.create_task(asyncio.Event().wait())
    ending = asyncio.create_task(finish_or_cancel([slow], 3600, stop.urgent))
    stop()
    assert stop.made.is_set()
    assert not stop.urgent.is_set()
    stop()
    assert await ending == 1
