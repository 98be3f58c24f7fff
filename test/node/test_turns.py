"""Whose turn it is to work on the chain, without a chain."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from infernet_node.chain.intake import DelegationIntake
from infernet_node.chain.key_lock import KeyInUseError
from infernet_node.chain.lookup import ContainerLookup
from infernet_node.fleet.bus import WakeUpBus
from infernet_node.fleet.chain_turn import PREFIX, STANDBY, ChainTurn
from infernet_node.fleet.lease import Lease
from infernet_node.fleet.messages import Topic
from infernet_node.store.database import Database
from infernet_node.store.leases import Leases
from test.support.node import FakeChain
from test.support.waiting import until

LONG = 600.0


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(f"sqlite+aiosqlite:///{tmp_path}/node.sqlite")
    yield database
    await database.close()


class Work(FakeChain):
    """The chain half: says when it works, and that it was told of requests."""

    def __init__(self) -> None:
        super().__init__()
        self.lookup = ContainerLookup([])
        self.runs = 0
        self.running = False
        self.adoptions = 0
        self.fails = False

    async def run(self) -> None:
        self.runs += 1
        self.running = True
        try:
            if self.fails:
                raise RuntimeError("defect")
            await asyncio.Event().wait()
        finally:
            self.running = False

    async def adopt(self) -> None:
        self.adoptions += 1


class Intake:
    """Takes every request."""

    def __init__(self) -> None:
        self.accepted: list[Any] = []

    async def accept(self, *request: Any) -> None:
        self.accepted.append(request)

    async def close(self) -> None:
        return


class Wire(WakeUpBus):
    """Buses that reach each other within this process."""

    def __init__(self, replica: str, others: "list[Wire]") -> None:
        super().__init__(None, replica)
        self._others = others
        others.append(self)

    def send(self, topic: Topic, job_id: str | None = None) -> None:
        for other in self._others:
            if other is not self:
                for hear in other._listeners[topic]:
                    hear(())


class KeyLock:
    def __init__(self) -> None:
        self.taken_by_a_stranger = False

    @contextmanager
    def __call__(self) -> Iterator[None]:
        if self.taken_by_a_stranger:
            raise KeyInUseError("the key is in use by process 7")
        yield


class Process:
    """One of several that have the same key."""

    def __init__(
        self, database: Database, name: str, wires: list[Wire], seconds: float, period: float
    ) -> None:
        self.work, self.intake, self.lock = Work(), Intake(), KeyLock()
        self.lease = Lease(Leases(database), PREFIX + self.work.address, name, seconds)
        intake = cast(DelegationIntake, self.intake)
        wire = Wire(name, wires)
        self.turn = ChainTurn(self.work, self.lease, intake, wire, self.lock, period)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.turn.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])


class Processes:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._wires: list[Wire] = []

    def __call__(self, name: str, seconds: float = LONG, period: float = LONG) -> Process:
        return Process(self._database, name, self._wires, seconds, period)


@pytest.fixture
def process(database: Database) -> Processes:
    return Processes(database)


async def test_one_works_and_another_stands_by_until_it_stops(process: Processes) -> None:
    first, second = process("a"), process("b")
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(first.running())
        await until(lambda: first.work.running)
        async with second.running():
            assert (first.turn.active, first.turn.status, first.turn.remark()) == (
                True,
                "ready",
                None,
            )
            assert (second.turn.active, second.turn.status) == (False, STANDBY)
            assert second.turn.remark() == STANDBY
            # Nothing but the word of the first one can wake the second one in time.
            await stack.aclose()
            await until(lambda: second.work.running)
            assert not first.work.running
            assert second.turn.status == "ready"


async def test_of_many_one_works(process: Processes) -> None:
    many = [process(str(number), seconds=1.0) for number in range(5)]
    async with AsyncExitStack() as stack:
        for each in many:
            await stack.enter_async_context(each.running())
        for _ in many[:-1]:
            await until(lambda: any(each.work.running for each in many))
            (working,) = [each for each in many if each.work.running]
            assert [each.turn.active for each in many].count(True) == 1
            assert working.turn.active
            await asyncio.sleep(0)


async def test_whoever_cannot_renew_stops(
    process: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = process("a", seconds=0.6), process("b", seconds=0.6)
    async with first.running():
        await until(lambda: first.work.running)
        async with second.running():
            monkeypatch.setattr(first.lease, "attempt", refused)
            await until(lambda: second.work.running)
            # It had stopped before the other one could begin.
            assert not first.work.running
            assert not first.lease.held


async def refused() -> bool:
    return False


async def test_a_key_that_a_stranger_uses_is_left_alone(process: Processes) -> None:
    only = process("a", seconds=0.3)
    only.lock.taken_by_a_stranger = True
    async with only.running():
        await until(lambda: only.turn.status == "the key is in use by process 7")
        assert only.turn.remark() is None  # that is trouble
        assert only.work.runs == 0
        only.lock.taken_by_a_stranger = False
        await until(lambda: only.work.running)
        assert only.turn.status == "ready"


async def test_a_defect_gives_the_turn_to_another(process: Processes) -> None:
    broken, sound = process("a"), process("b")
    broken.work.fails = True
    with pytest.raises(RuntimeError, match="defect"):
        await broken.turn.run()
    async with sound.running():
        await until(lambda: sound.work.running)


class TestRequests:
    """Delegated subscriptions."""

    async def test_whoever_works_is_told(self, process: Processes) -> None:
        first, second = process("a"), process("b")
        async with first.running():
            await until(lambda: first.work.running)
            async with second.running():
                await second.turn.accept_delegated(*cast(Any, ("terms", "signature", {})))
                assert second.intake.accepted == [("terms", "signature", {})]
                await until(lambda: first.work.adoptions == 1)
                await first.turn.accept_delegated(*cast(Any, ("terms", "signature", {})))
                await until(lambda: first.work.adoptions == 2)
                assert second.work.adoptions == 0

    async def test_what_nobody_told_is_found(self, process: Processes) -> None:
        only = process("a", period=0.02)
        async with only.running():
            await until(lambda: only.work.adoptions > 2)
