"""Whose turn it is to work on the chain, without a chain."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from infernet_node.admission import NotAcceptingError
from infernet_node.chain.history import UnknownSubscriptionError
from infernet_node.chain.intake import DelegationIntake
from infernet_node.chain.key_lock import KeyInUseError
from infernet_node.chain.lookup import ContainerLookup
from infernet_node.fleet import relay
from infernet_node.fleet.bus import WakeUpBus
from infernet_node.fleet.chain_turn import STANDBY, ChainTurn
from infernet_node.fleet.lease import Lease
from infernet_node.fleet.messages import Topic
from infernet_node.fleet.relay import PREFIX, CommandRelay
from infernet_node.ports import Command, CommandRefusedError, IntervalState
from infernet_node.store.commands import StoredCommands
from infernet_node.store.database import Database
from infernet_node.store.leases import Leases
from test.support.node import FakeChain
from test.support.waiting import eventually, until

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
        self.commands: list[tuple[Command, str, int]] = []
        self.refusal: Exception | None = None
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

    async def command(self, command: Command, subscription: str, interval: int) -> IntervalState:
        self.commands.append((command, subscription, interval))
        if self.refusal:
            raise self.refusal
        return IntervalState(interval, "due", None)


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
        leases = Leases(database)
        self.lease = Lease(leases, PREFIX + self.work.address, name, seconds)
        intake = cast(DelegationIntake, self.intake)
        wire = Wire(name, wires)
        passes = CommandRelay(StoredCommands(database), leases, wire, period)
        self.turn = ChainTurn(self.work, self.lease, intake, wire, passes, self.lock, period)

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
        self.wires: list[Wire] = []

    def __call__(self, name: str, seconds: float = LONG, period: float = LONG) -> Process:
        return Process(self._database, name, self.wires, seconds, period)


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
            await until(lambda: any(each.turn.active for each in many))
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
        # On a busy machine the lease may be over by then, and is taken anew.
        await until(lambda: only.work.running and only.turn.status == "ready")


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


RETRY = (Command.RETRY, "delegated-4294967295", 2**32 - 1)


class TestCommands:
    """What operators ask of processes that do not have the turn."""

    async def test_whoever_works_carries_them_out_once(self, process: Processes) -> None:
        first, second, third = (process(name) for name in "abc")
        async with first.running():
            await until(lambda: first.work.running)
            async with second.running(), third.running():
                for each in (first, second, third):
                    assert await each.turn.command(*RETRY) == IntervalState(2**32 - 1, "due", None)
            assert first.work.commands == [RETRY] * 3
        assert second.work.commands == third.work.commands == []

    async def test_one_that_nobody_told_of_is_found(self, process: Processes) -> None:
        first, second = process("a", period=0.02), process("b", period=0.02)
        # Nobody hears anything.
        process.wires.clear()
        async with first.running():
            await until(lambda: first.work.running)
            assert (await second.turn.command(*RETRY)).state == "due"

    @pytest.mark.parametrize(
        "refusal",
        [
            UnknownSubscriptionError("interval 1 of subscription 7 is not known to this node"),
            CommandRefusedError("its interval is over"),
            NotAcceptingError("The chain cannot be reached now; try again later"),
        ],
    )
    async def test_a_refusal_is_passed_on(self, process: Processes, refusal: Exception) -> None:
        first, second = process("a"), process("b")
        first.work.refusal = refusal
        async with first.running():
            await until(lambda: first.work.running)
            async with second.running():
                with pytest.raises(type(refusal), match=str(refusal)):
                    await second.turn.command(*RETRY)

    async def test_a_defect_is_no_reason_to_wait_and_ends_no_turn(self, process: Processes) -> None:
        first, second = process("a"), process("b")
        first.work.refusal = RuntimeError("defect")
        async with first.running():
            await until(lambda: first.work.running)
            with pytest.raises(NotAcceptingError, match="see the log of the process that works"):
                await second.turn.command(*RETRY)
            assert first.turn.active

    async def test_nobody_works_and_nothing_is_kept(self, process: Processes) -> None:
        asked, later = process("a"), process("b")
        with pytest.raises(NotAcceptingError, match="no process works on the chain now"):
            await asked.turn.command(*RETRY)
        async with later.running():
            await until(lambda: later.work.running)
            assert (await asked.turn.command(*RETRY)).state == "due"
        assert later.work.commands == [RETRY]

    async def test_one_that_nobody_begins_is_taken_back(
        self, process: Processes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(relay, "_BEGIN_SECONDS", 0.1)
        dead, asked, later = process("a"), process("b"), process("c")
        # Its turn lasts on, and it works no more.
        assert await dead.lease.attempt()
        with pytest.raises(NotAcceptingError, match="and nothing was done; try again later"):
            await asked.turn.command(*RETRY)
        await dead.lease.release()
        async with later.running():
            await until(lambda: later.work.running)
            assert (await asked.turn.command(Command.DROP, "7", 1)).state == "due"
        assert later.work.commands == [(Command.DROP, "7", 1)]

    async def test_one_whose_process_died_over_it_is_not_begun_again(
        self, process: Processes, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # It has to be begun within this.
        monkeypatch.setattr(relay, "_BEGIN_SECONDS", 2.0)
        monkeypatch.setattr(relay, "_END_SECONDS", 0.1)
        dead, asked, later = process("a"), process("b"), process("c")
        assert await dead.lease.attempt()
        asking = asyncio.create_task(asked.turn.command(*RETRY))
        rows = StoredCommands(database)
        await eventually(lambda: taken(rows))
        with pytest.raises(NotAcceptingError, match="was begun and its end is not known"):
            await asking
        await dead.lease.release()
        async with later.running():
            await until(lambda: later.work.running)
            assert (await asked.turn.command(Command.DROP, "7", 1)).state == "due"
        assert later.work.commands == [(Command.DROP, "7", 1)]


async def taken(rows: StoredCommands) -> bool:
    return await rows.take() is not None
