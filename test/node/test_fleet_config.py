"""What is said about the configuration of a fleet before any of its processes is started."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner

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
from test.support.brokers import NATS, REDIS, require
from test.support.container import ScriptedContainer
from test.support.node import running_node
from test.support.node_process import configure
from test.support.postgres import schema_url

pytestmark = pytest.mark.timeout(150)


class TestConfiguration:
    """What no process can be started with."""

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
