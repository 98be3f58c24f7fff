"""A node in several roles over one store, each in this process: who does what, and who is told."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import ClientResponse, web
from click.testing import CliRunner
from structlog.testing import capture_logs

from infernet_node.cli import main
from infernet_node.config import (
    Config,
    ConfigError,
    FleetConfig,
    LogConfig,
    Role,
    StoreConfig,
    parse_config,
)
from infernet_node.doctor import Finding, examine
from infernet_node.start_error import StartError
from scripts.processes import free_port
from test.support.brokers import NATS, REDIS, require, wire_to
from test.support.container import ScriptedContainer, answering, echo
from test.support.node import NodeUnderTest, running_node
from test.support.node_process import configure
from test.support.postgres import schema_url
from test.support.waiting import eventually, until

pytestmark = pytest.mark.timeout(150)

LONG = 600
"""Seconds that no test takes: whoever waits for them is stuck."""
OFTEN = 0.05


class Processes:
    """Nodes that share a store and a configuration."""

    def __init__(self, folder: Path, store: str, *containers: ScriptedContainer) -> None:
        self.config: dict[str, Any] = {
            "store": {"url": store},
            "containers": [
                {"id": id, "url": container.url}
                for id, container in zip("ab", containers, strict=False)
            ],
            "fleet": {"channel": f"test-{uuid4().hex[:12]}", "sweep_period": OFTEN},
            "jobs": {"drain_timeout": 0},
        }
        self.stack = AsyncExitStack()
        self._folder = folder
        self._number = 0

    async def start(
        self, role: Role, *, stack: AsyncExitStack | None = None, **changes: Any
    ) -> NodeUnderTest:
        """Starts one; it ends with ``stack``, by default with all others."""
        self._number += 1
        folder = self._folder / str(self._number)
        folder.mkdir()
        config = {**self.config, **changes}
        running = running_node(config, folder, role=role)
        return await (stack or self.stack).enter_async_context(running)

    async def woken_only(self, *nodes: NodeUnderTest) -> None:
        """Returns once all of them hear each other."""
        for node in nodes:
            assert node.services.membership is not None
            bus = node.services.membership.bus
            await until(lambda bus=bus: bus.connected)  # type: ignore[misc]


@pytest.fixture
async def fleet(
    tmp_path: Path, container: ScriptedContainer, second: ScriptedContainer
) -> AsyncIterator[Processes]:
    async with schema_url() as url:
        processes = Processes(tmp_path, url, container, second)
        async with processes.stack:
            yield processes


class Hold:
    """An answer that waits until it is let go, whoever asks."""

    def __init__(self) -> None:
        self.waiting = 0
        self.left = 0
        self._go = asyncio.Event()

    def let_go(self) -> None:
        self._go.set()

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.waiting += 1
        try:
            await self._go.wait()
        except asyncio.CancelledError:
            self.left += 1
            raise
        return await echo(request)


def numbers(container: ScriptedContainer) -> Counter[int]:
    return Counter(question["data"]["n"] for question in container.questions)


async def figure(node: NodeUnderTest, name: str) -> float:
    """A figure of ``/metrics``, summed over its labels."""
    async with node.session.get(f"{node.url}/metrics") as response:
        lines = (await response.text()).splitlines()
    values = [line for line in lines if line.partition(" ")[0].partition("{")[0] == name]
    return sum(float(line.rpartition(" ")[2]) for line in values)


async def event(response: ClientResponse) -> dict[str, Any]:
    """The next event of a stream that says something."""
    while True:
        block = (await response.content.readuntil(b"\n\n")).decode()
        if "data: " in block:
            return dict(json.loads(block.partition("data: ")[2]))


@pytest.mark.parametrize("broker", ["postgresql", "redis", "nats", "memory"])
async def test_jobs_of_an_api_are_done_once_by_workers(
    fleet: Processes, container: ScriptedContainer, broker: str
) -> None:
    urls = {"redis": REDIS, "nats": NATS}
    url = await require(urls[broker]) if broker in urls else None
    # With a broker nobody ever looks for work by itself: whoever finds some was woken.
    quiet: dict[str, Any] = {"broker": url, "sweep_period": LONG}
    fleet.config["fleet"] |= {"broker": "memory://"} if broker == "memory" else quiet
    hold = Hold()
    container.answer = hold
    nodes = [await fleet.start(role) for role in (Role.API, Role.WORKER, Role.WORKER)]
    api, *workers = nodes
    if broker != "memory":
        await fleet.woken_only(*nodes)

    ids = await asyncio.gather(*(api.submit("a", n=n) for n in range(80)))
    await until(lambda: hold.waiting == 80)
    async with api.session.get(f"{api.url}/api/jobs/{ids[0]}/events") as following:
        assert (await event(following))["status"] == "running"
        hold.let_go()
        assert (await event(following))["status"] == "success"

    jobs = [await api.result(job_id) for job_id in ids]
    assert [job["result"]["output"]["output"]["n"] for job in jobs] == list(range(80))
    assert numbers(container) == Counter(range(80))
    shares = [await figure(worker, "infernet_jobs_claimed_total") for worker in workers]
    assert sum(shares) == 80


async def test_a_stopped_worker_leaves_its_jobs_at_once(
    fleet: Processes, container: ScriptedContainer
) -> None:
    # Only a worker that says so can be noticed before the test is over.
    fleet.config["fleet"] |= {"lease": LONG, "sweep_period": LONG}
    fleet.config["jobs"] = {"drain_timeout": 0, "max_attempts": 1}
    hold = Hold()
    container.answer = hold
    api = await fleet.start(Role.API)
    async with AsyncExitStack() as leaving:
        gone = await fleet.start(Role.WORKER, stack=leaving)
        await fleet.woken_only(api, gone)
        job_id = await api.submit("a", n=1)
        await until(lambda: hold.waiting == 1)
        await fleet.woken_only(await fleet.start(Role.WORKER))
    await until(lambda: hold.waiting == 2)
    hold.let_go()
    # One attempt is all it had: a planned stop is none.
    assert (await api.result(job_id))["status"] == "success"


@pytest.mark.parametrize("told", [True, False])
async def test_a_deletion_reaches_the_process_that_runs_the_job(
    fleet: Processes, container: ScriptedContainer, told: bool
) -> None:
    fleet.config["fleet"] |= {"lease": LONG} if told else {"lease": 1, "broker": "memory://"}
    hold = Hold()
    container.answer = hold
    api, worker = await fleet.start(Role.API), await fleet.start(Role.WORKER)
    if told:
        await fleet.woken_only(api, worker)
    job_id = await api.submit("a", n=1)
    await until(lambda: hold.waiting == 1)
    async with api.session.delete(f"{api.url}/api/jobs/{job_id}") as response:
        assert response.status == 204
    await until(lambda: hold.left == 1)
    assert await api.get("/api/jobs", id=job_id) == (200, [])


async def test_without_a_broker_work_goes_on(
    fleet: Processes, container: ScriptedContainer
) -> None:
    nowhere = f"nats://127.0.0.1:{free_port()}"
    fleet.config["fleet"] |= {"broker": nowhere}
    api, worker = await fleet.start(Role.API), await fleet.start(Role.WORKER)
    assert (await api.result(await api.submit("a", n=1)))["status"] == "success"
    for node in (api, worker):
        status, body = await node.get("/health/ready")
        assert (status, body["status"]) == (200, "healthy")
        assert body["remarks"]["broker"].startswith(f"{nowhere} cannot be reached")
        assert await figure(node, "infernet_broker_connected") == 0


async def test_a_follower_sees_changes_that_nobody_told(
    fleet: Processes, container: ScriptedContainer, second: ScriptedContainer
) -> None:
    fleet.config["fleet"] |= {"broker": "memory://"}
    first, last = Hold(), Hold()
    container.answer, second.answer = first, last
    api = await fleet.start(Role.API)
    await fleet.start(Role.WORKER)
    job_id = await api.submit("a", "b", n=1)
    async with api.session.get(f"{api.url}/api/jobs/{job_id}/events") as following:
        assert (await event(following))["intermediate_results"] == []
        first.let_go()
        assert len((await event(following))["intermediate_results"]) == 1
        last.let_go()
        assert (await event(following))["status"] == "success"


async def test_a_job_waits_for_a_worker_that_has_its_container(fleet: Processes) -> None:
    api = await fleet.start(Role.API)
    only_b = await fleet.start(Role.WORKER, containers=fleet.config["containers"][1:])
    both = await api.submit("a", "b", n=1)
    assert (await api.result(await api.submit("b", n=2)))["status"] == "success"
    _, (waiting,) = await api.get("/api/jobs", id=both)
    assert waiting["status"] == "running"
    await fleet.start(Role.WORKER)
    assert (await api.result(both))["status"] == "success"
    assert await figure(only_b, "infernet_jobs_claimed_total") == 1


async def test_a_worker_takes_no_job_whose_container_is_down(
    fleet: Processes, container: ScriptedContainer
) -> None:
    port = free_port()
    fleet.config["containers"][1]["url"] = f"http://127.0.0.1:{port}"
    fleet.config["jobs"] = {"health_check_period": 0.01}
    api, worker = await fleet.start(Role.API), await fleet.start(Role.WORKER)
    await until(lambda: not worker.services.is_running("b"))
    job_id = await api.submit("b", n=1)
    assert (await api.result(await api.submit("a", n=2)))["status"] == "success"
    async with ScriptedContainer(port=port).serve():
        assert (await api.result(job_id))["status"] == "success"


async def test_too_many_pending_in_all_processes_are_refused(fleet: Processes) -> None:
    fleet.config["jobs"] = {"max_pending": 3, "max_running": 1}
    here, there = await fleet.start(Role.API), await fleet.start(Role.API)
    ids = [await here.submit("a", n=n) for n in range(3)]

    async def refused() -> bool:
        status, body = await there.post("/api/jobs", {"containers": ["a"], "data": {"n": 9}})
        if status == 200:
            await there.session.delete(f"{there.url}/api/jobs/{body['id']}")
        return status == 503

    await eventually(refused)
    await fleet.start(Role.WORKER)
    assert {(await there.result(job_id))["status"] for job_id in ids} == {"success"}


async def test_a_worker_has_no_more_than_it_can_run(
    fleet: Processes, container: ScriptedContainer
) -> None:
    fleet.config["jobs"] = {"max_running": 2, "max_pending": 10, "drain_timeout": 0}
    hold = Hold()
    container.answer = hold
    api = await fleet.start(Role.API)
    ids = [await api.submit("a", n=n) for n in range(5)]
    busy = await fleet.start(Role.WORKER)
    await until(lambda: hold.waiting == 2)
    assert await figure(busy, "infernet_jobs_claimed_total") == 2
    hold.let_go()
    jobs = [await api.result(job_id) for job_id in ids]
    assert [job["status"] for job in jobs] == ["success"] * 5
    assert numbers(container) == Counter(range(5))


class TestWholeNodes:
    """Several processes that each do everything."""

    async def test_who_accepts_a_job_runs_it_and_everybody_knows_it(
        self, fleet: Processes, container: ScriptedContainer
    ) -> None:
        hold = Hold()
        container.answer = hold
        here, there = await fleet.start(Role.RUN), await fleet.start(Role.RUN)
        ids = [await here.submit("a", n=n) for n in range(3)]
        await until(lambda: hold.waiting == 3)
        assert await figure(here, "infernet_jobs_running") == 3
        _, seen = await there.get("/api/jobs", id=ids[0])
        assert [job["status"] for job in seen] == ["running"]
        hold.let_go()
        for job_id in ids:
            assert (await there.result(job_id))["status"] == "success"
        assert await figure(there, "infernet_jobs_claimed_total") == 0
        assert numbers(container) == Counter(range(3))

    async def test_one_with_a_queue_of_its_own_takes_nothing_more(
        self, fleet: Processes, container: ScriptedContainer
    ) -> None:
        fleet.config["jobs"] = {"max_running": 1, "max_pending": 9, "drain_timeout": 0}
        hold = Hold()
        container.answer = hold
        node, api = await fleet.start(Role.RUN), await fleet.start(Role.API)
        mine = [await node.submit("a", n=n) for n in range(4)]
        theirs = await api.submit("a", n=4)
        with capture_logs() as log:
            await asyncio.sleep(5 * OFTEN)  # it looks for work, and has no room
            hold.let_go()
            for job_id in (*mine, theirs):
                assert (await api.result(job_id))["status"] == "success"
        assert "jobs_not_claimed" not in [line["event"] for line in log]
        assert [question["data"]["n"] for question in container.questions] == list(range(5))

    async def test_a_deleted_result_is_gone_everywhere(self, fleet: Processes) -> None:
        here, there = await fleet.start(Role.RUN), await fleet.start(Role.RUN)
        job_id = await here.submit("a", n=1)
        await here.result(job_id)
        async with there.session.delete(f"{there.url}/api/jobs/{job_id}") as response:
            assert response.status == 204
        assert await here.get("/api/jobs", id=job_id) == (200, [])


class TestSurfaces:
    """What each role shows."""

    async def test_a_worker_shows_how_it_is_and_takes_no_requests(self, fleet: Processes) -> None:
        worker = await fleet.start(Role.WORKER)
        assert (await worker.get("/health")) == (200, {"status": "healthy"})
        await fleet.woken_only(worker)
        assert (await worker.get("/health/ready")) == (200, {"status": "healthy"})
        assert await figure(worker, "infernet_jobs_running_limit") == 256
        for path in ("/api/jobs", "/info", "/openapi.json", "/api/chain/subscriptions/1"):
            assert (await worker.get(path))[0] == 404

    async def test_an_api_judges_no_container(self, fleet: Processes) -> None:
        fleet.config["containers"].append({"id": "far", "url": f"http://127.0.0.1:{free_port()}"})
        fleet.config["jobs"] = {"health_check_period": 0.01}
        api = await fleet.start(Role.API)
        assert (await api.get("/health/ready"))[0] == 200
        job_id = await api.submit("far", n=1)
        _, (job,) = await api.get("/api/jobs", id=job_id)
        assert job["status"] == "running"

    async def test_an_answer_has_the_shape_of_a_whole_nodes(
        self, fleet: Processes, container: ScriptedContainer
    ) -> None:
        container.answer = answering({"output": "hello"})
        api = await fleet.start(Role.API)
        await fleet.start(Role.WORKER)
        job_id = await api.submit("a", n=1)
        assert await api.result(job_id) == {
            "id": job_id,
            "status": "success",
            "result": {"container": "a", "output": {"output": "hello"}},
            "intermediate_results": [],
        }
        assert await api.get("/api/jobs") == (200, [job_id])
        _, info = await api.get("/info")
        assert info["pending"] == {"offchain": 0, "onchain": 0}

    async def test_an_idempotency_key_holds_at_every_api(self, fleet: Processes) -> None:
        here, there = await fleet.start(Role.API), await fleet.start(Role.API)
        body = {"containers": ["a"], "data": {}}
        ids = set()
        for node in (here, there):
            headers = {"Idempotency-Key": "k"}
            url = f"{node.url}/api/jobs"
            async with node.session.post(url, json=body, headers=headers) as response:
                ids.add((await response.json())["id"])
        assert len(ids) == 1


class TestConfiguration:
    """What is said before anything is started."""

    @pytest.mark.parametrize("role", [Role.API, Role.WORKER, Role.CHAIN])
    def test_sqlite_is_for_one_process(self, role: Role) -> None:
        with pytest.raises(ConfigError, match=rf"store\.url: infernet-node {role} shares its rows"):
            parse_config({}, {}, role=role)

    def test_check_config_and_the_commands_agree(self, tmp_path: Path) -> None:
        path = str(configure(tmp_path, {}))
        checked = CliRunner().invoke(main, ["check-config", "--role", "api", "--config", path])
        started = CliRunner().invoke(main, ["api", "--config", path])
        assert checked.exit_code == started.exit_code == 1
        assert checked.output == started.output
        assert "set it to postgresql+asyncpg://user:password@host/database" in checked.output

    def test_a_chain_process_needs_a_chain(self) -> None:
        store = {"store": {"url": "postgresql+asyncpg://db/x"}}
        with pytest.raises(ConfigError, match=r"chain\.enabled: must be true for infernet-node"):
            parse_config(store, {}, role=Role.CHAIN)

    def test_only_who_sends_needs_the_key(self) -> None:
        document = {
            "store": {"url": "postgresql+asyncpg://db/x"},
            "chain": {
                "enabled": True,
                "rpc_url": "http://chain:8545",
                "registry_address": "0x663F3ad617193148711d28f5334eE4Ed07016602",
                "wallet": {"keystore": "/no/such/file"},
            },
        }
        for role in (Role.API, Role.WORKER):
            config = parse_config(document, {"INFERNET_PRIVATE_KEY": "1" * 64}, role=role).config
            # What a process has no use for, it does not hold.
            assert config.chain.wallet is not None
            assert config.chain.wallet.private_key is None
        with pytest.raises(ConfigError, match=r"chain\.wallet\.keystore"):
            parse_config(document, {}, role=Role.CHAIN)

    @pytest.mark.parametrize(
        "broker", ["amqp://host", "nats://", "redis://host:x", "host:4222", "nats://a,redis://b"]
    )
    def test_a_broker_of_no_known_kind(self, broker: str) -> None:
        with pytest.raises(ConfigError, match=r"fleet\.broker: must be a URL such as nats://"):
            parse_config({"fleet": {"broker": broker}}, {})

    def test_a_brokers_password_is_not_shown(self) -> None:
        with pytest.raises(ConfigError) as caught:
            parse_config({}, {"INFERNET_BROKER_URL": "amqp://u:p4ss@h"})
        assert "p4ss" not in str(caught.value)

    async def test_a_file_is_for_one_process(
        self, tmp_path: Path, container: ScriptedContainer
    ) -> None:
        config = {"containers": [{"id": "a", "url": container.url}]}
        async with running_node(config, tmp_path):
            with pytest.raises(StartError, match=r"store\.url: .*sqlite is in use by process"):
                async with running_node(config, tmp_path):
                    raise AssertionError("started")


class TestDoctor:
    """``infernet-node doctor`` says whether processes can be woken."""

    @pytest.fixture
    async def examined(self, tmp_path: Path) -> AsyncIterator[Any]:
        async with schema_url() as store:

            async def examined(broker: str | None, **changes: Any) -> dict[str, Finding]:
                config = Config(
                    store=StoreConfig(url=store),
                    fleet=FleetConfig(broker=broker, channel=f"test-{uuid4().hex[:12]}"),
                    **changes,
                )
                return {finding.subject: finding for finding in await examine(config, None)}

            yield examined

    @pytest.mark.parametrize("broker", [None, REDIS, NATS])
    async def test_a_broker_that_passes_messages_on(
        self, examined: Any, broker: str | None
    ) -> None:
        if broker:
            await require(broker)
        found = (await examined(broker))["broker"]
        assert (found.fix, found.text.endswith("passes messages on")) == (None, True)

    async def test_a_broker_that_is_not_there(self, examined: Any) -> None:
        nowhere = f"nats://t0ken@127.0.0.1:{free_port()}"
        found = (await examined(nowhere))["broker"]
        assert "passes nothing on" in found.text
        assert "start it, or correct fleet.broker" in found.fix
        assert "t0ken" not in found.line

    async def test_nobody_is_to_be_woken(self, examined: Any) -> None:
        found = (await examined("memory://"))["broker"]
        assert found.fix is None
        assert found.text == "none: processes find each other's work by looking for it"

    async def test_a_process_alone_has_none(self, tmp_path: Path) -> None:
        alone = Config(log=LogConfig(path=str(tmp_path / "node.log")))
        assert [each.subject for each in await examine(alone, None)] == ["store"]


async def test_a_store_that_was_away_gives_nobody_up(
    tmp_path: Path, container: ScriptedContainer
) -> None:
    hold = Hold()
    container.answer = hold
    async with schema_url() as url, wire_to(url) as wire, AsyncExitStack() as stack:
        fleet = Processes(tmp_path, wire.url(url), container)
        fleet.config["fleet"] |= {"lease": 3}
        await stack.enter_async_context(fleet.stack)
        here, there = await fleet.start(Role.RUN), await fleet.start(Role.RUN)
        ids = [await here.submit("a", n=1), await there.submit("a", n=2)]
        await until(lambda: hold.waiting == 2)

        wire.cut()
        await unready(here)
        hold.let_go()
        await asyncio.sleep(3.5)  # longer than the lease: everybody was silent for so long
        wire.mend()
        for node in (here, there):
            jobs = [await node.result(job_id) for job_id in ids]
            assert [job["status"] for job in jobs] == ["success"] * 2
        # Nobody was taken for dead, so nothing was computed again.
        assert numbers(container) == Counter([1, 2])
        assert (await here.get("/health/ready"))[0] == 200


async def unready(node: NodeUnderTest) -> None:
    async def store_is_missing() -> bool:
        status, body = await node.get("/health/ready")
        return status == 503 and "store" in body["problems"]

    await eventually(store_is_missing)
