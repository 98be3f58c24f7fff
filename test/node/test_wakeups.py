"""Processes wake each other, through each kind of broker; a broker that fails costs time alone."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest

from infernet_node.config import Config, FleetConfig, StoreConfig
from infernet_node.fleet import bus as bus_module
from infernet_node.fleet.broker import Broker, BrokerError, Channel, Hear
from infernet_node.fleet.brokers import BrokerMissingError, broker_of
from infernet_node.fleet.bus import WakeUpBus
from infernet_node.fleet.messages import MOST_BYTES, Message, Topic, decode, messages
from scripts.processes import free_port
from test.support.brokers import NATS, REDIS, require, wire_to
from test.support.postgres import schema_url
from test.support.waiting import until

pytestmark = pytest.mark.timeout(150)


@pytest.fixture(params=["postgresql", "redis", "nats"])
async def url(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    if request.param != "postgresql":
        yield await require({"redis": REDIS, "nats": NATS}[request.param])
        return
    async with schema_url() as url:
        yield url


@pytest.fixture
def channel() -> str:
    return f"test-{uuid4().hex[:12]}"


def broker_at(url: str, channel: str) -> Broker:
    broker = broker_of(Config(fleet=FleetConfig(broker=url, channel=channel)))
    assert broker is not None
    return broker


class Ear:
    """Keeps what a bus hears about a topic."""

    def __init__(self, bus: WakeUpBus, topic: Topic) -> None:
        self.heard: list[Sequence[str] | None] = []
        self._news = asyncio.Event()
        bus.listen(topic, self._hear)

    def _hear(self, ids: Sequence[str] | None) -> None:
        self.heard.append(ids)
        self._news.set()

    async def until(self, *expected: Sequence[str] | None) -> None:
        async with asyncio.timeout(20):
            while not all(each in self.heard for each in expected):
                self._news.clear()
                await self._news.wait()

    @property
    def ids(self) -> set[str]:
        return {job_id for ids in self.heard for job_id in ids or ()}


@asynccontextmanager
async def running(*buses: WakeUpBus) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(bus.run()) for bus in buses]
        try:
            await until(lambda: all(bus.connected for bus in buses))
            yield
        finally:
            for task in tasks:
                task.cancel()


class TestBrokers:
    async def test_others_hear_and_oneself_does_not(self, url: str, channel: str) -> None:
        here, there = (WakeUpBus(broker_at(url, channel), name) for name in ("here", "there"))
        mine, theirs = Ear(here, Topic.JOBS), Ear(there, Topic.JOBS)
        async with running(here, there):
            here.send(Topic.JOBS, "job-1")
            here.send(Topic.JOBS, "job-2")
            await theirs.until(("job-1", "job-2"))
            there.send(Topic.JOBS, "answer")
            await mine.until(("answer",))
        assert mine.ids == {"answer"}

    async def test_channels_are_apart(self, url: str, channel: str) -> None:
        here, other, there = (
            WakeUpBus(broker_at(url, channel + suffix), suffix) for suffix in ("", ".b", "")
        )
        here.replica = "here"
        elsewhere, theirs = Ear(other, Topic.WORK), Ear(there, Topic.WORK)
        async with running(here, other, there):
            here.send(Topic.WORK)
            await theirs.until(())
        assert elsewhere.heard == [None]

    async def test_many_long_ids_arrive(self, url: str, channel: str) -> None:
        here, there = (WakeUpBus(broker_at(url, channel), name) for name in ("here", "there"))
        ids = {f"{number:04}\u2028{'x' * 120}" for number in range(500)}
        theirs = Ear(there, Topic.JOBS)
        async with running(here, there):
            for job_id in ids:
                here.send(Topic.JOBS, job_id)
            await here.flush()
            await until(lambda: theirs.ids == ids)

    async def test_a_lost_broker_is_found_again(self, url: str, channel: str) -> None:
        async with wire_to(url) as wire:
            here = WakeUpBus(broker_at(wire.url(url), channel), "here")
            there = WakeUpBus(broker_at(url, channel), "there")
            mine, theirs = Ear(here, Topic.WORK), Ear(there, Topic.WORK)
            async with running(here, there):
                await mine.until(None)
                mine.heard.clear()
                wire.cut()
                await until(lambda: not here.connected)
                assert "cannot be reached: work is found later, none is lost" in str(here.trouble)
                here.send(Topic.WORK)  # is not heard, and nobody waits for it
                await here.flush()
                assert theirs.heard == [None]

                wire.mend()
                # Anything may have been missed, and it says so.
                await mine.until(None)
                there.send(Topic.WORK)
                await mine.until(())
                here.send(Topic.WORK)
                await theirs.until(())
                assert here.trouble is None

    async def test_what_is_no_message_of_ours_is_passed_over(self, url: str, channel: str) -> None:
        here, there = (WakeUpBus(broker_at(url, channel), name) for name in ("here", "there"))
        theirs = Ear(there, Topic.WORK)
        async with running(here, there):
            async with broker_at(url, channel).connect(lambda _: None) as stranger:
                for raw in (b"\xc3\xa9", b"[]", b'["a", "none"]', b"{}", b"7", b'"ab"'):
                    await stranger.publish(raw)
            here.send(Topic.WORK)
            await theirs.until(())

    async def test_nobody_there(self, url: str, channel: str) -> None:
        async with wire_to(url) as wire:
            wire.cut()
            cut_off = wire.url(url)
            closed = cut_off.replace(str(wire.port), str(free_port()))
            for address in (cut_off, closed):
                with pytest.raises(BrokerError):
                    async with broker_at(address, channel).connect(lambda _: None):
                        raise AssertionError("connected")


class Deaf:
    """A broker that takes everything and hands nothing on."""

    label = "deaf://"

    def __init__(self) -> None:
        self.connections = 0

    @asynccontextmanager
    async def connect(self, hear: Hear) -> AsyncIterator[Channel]:
        async def publish(message: bytes) -> None:
            return

        async def lost() -> None:
            await asyncio.Event().wait()

        self.connections += 1
        yield Channel(publish, lost)


async def test_a_broker_that_hands_nothing_on_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bus_module, "_PING_SECONDS", 0.01)
    monkeypatch.setattr(bus_module, "_FIRST_PAUSE", 0.01)
    deaf = Deaf()
    async with running(WakeUpBus(deaf, "here")):
        await until(lambda: deaf.connections > 1)


async def test_a_process_that_is_alone_reaches_nobody() -> None:
    alone = WakeUpBus(None, "alone")
    ear = Ear(alone, Topic.WORK)
    running_it = asyncio.create_task(alone.run())
    alone.send(Topic.WORK)
    await alone.flush()
    running_it.cancel()
    await asyncio.wait([running_it])
    assert (ear.heard, alone.connected, alone.trouble) == ([], False, None)


class TestChoice:
    def test_by_address(self) -> None:
        def label(store: str | None = None, broker: str | None = None) -> str | None:
            config = Config(store=StoreConfig(url=store), fleet=FleetConfig(broker=broker))
            chosen = broker_of(config)
            return None if chosen is None else chosen.label

        postgres = "postgresql+asyncpg://node:p4ss@db:5433/infernet"
        assert label() is None
        assert label(postgres) == "postgresql+asyncpg://node:***@db:5433/infernet"
        assert label(postgres, "memory://") is None
        assert label(postgres, "redis://:p4ss@r:6379/1") == "redis://:***@r:6379/1"
        assert label(None, "nats://t0ken@n:4222,nats://m:4222") == "nats://n:4222,nats://m:4222"
        assert label(None, "postgresql://u:p4ss@db/x") == "postgresql+asyncpg://u:***@db/x"

    @pytest.mark.parametrize(
        ("broker", "module", "library"),
        [(REDIS, "redis", "redis"), ("rediss://r", "redis", "redis"), (NATS, "nats", "nats-py")],
    )
    def test_a_library_that_is_not_installed(
        self, monkeypatch: pytest.MonkeyPatch, broker: str, module: str, library: str
    ) -> None:
        for name in [name for name in sys.modules if name.partition(".")[0] == module]:
            monkeypatch.setitem(sys.modules, name, None)
        monkeypatch.setitem(sys.modules, module, None)
        monkeypatch.delitem(sys.modules, f"infernet_node.fleet.brokers.{module}", raising=False)
        with pytest.raises(BrokerMissingError, match=rf" {library} is not installed; pip install"):
            broker_at(broker, "channel")


class TestMessages:
    def test_are_short_and_say_everything(self) -> None:
        ids = [f"{number}-{'é' * 100}" for number in range(300)]
        encoded = list(messages("me", Topic.JOBS, ids))
        assert all(len(raw) <= MOST_BYTES for raw in encoded)
        decoded = [decode(raw) for raw in encoded]
        assert [job_id for each in decoded if each for job_id in each.ids] == ids

    def test_without_ids_there_is_one(self) -> None:
        assert [decode(raw) for raw in messages("me", Topic.WORK, [])] == [
            Message("me", Topic.WORK)
        ]
