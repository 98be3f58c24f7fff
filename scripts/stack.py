"""A whole Infernet on this machine: Anvil, contracts, TGI server, service and node.

The demo shows it, the end-to-end tests take it apart.
"""

import argparse
import json
import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from web3 import Web3
from web3.types import RPCEndpoint

from scripts.accounts import ANVIL_CHAIN_ID, DEPLOYER, anvil_account
from scripts.chain import Sender, connect
from scripts.deployment import CONTAINER, Creation, create, deploy_core, record_set
from scripts.errors import ScriptError
from scripts.processes import Process, answers, stop_all
from scripts.proxies import without_loopback

ROOT = Path(__file__).parent.parent
SAMPLE_CONFIG = ROOT / "deploy" / "config.json"
BIN = Path(sys.executable).parent
"""Where this project's commands are, whether or not its environment is activated."""

START_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Ports:
    """Loopback ports of the four servers."""

    chain: int
    tgi: int
    service: int
    node: int


@dataclass
class Stack:
    """Servers by name, started in order and stopped together."""

    ports: Ports
    folder: Path
    """Logs, configuration and the node's store go here."""
    deployments: Path
    """Where the contracts' addresses are recorded."""
    tgi_url: str | None = None
    """A TGI server that is already running; without one the mock is started."""
    block_time: int | None = 1
    """Seconds between blocks; ``None`` mines each transaction at once."""
    service_env: Mapping[str, str] = field(default_factory=dict)
    chain_host: str = "127.0.0.1"
    """Address that Anvil listens on."""
    node_config: Mapping[str, Any] = field(default_factory=dict)
    """Keys that replace those of the sample configuration, at the top level."""
    processes: dict[str, Process] = field(default_factory=dict)
    contracts: dict[str, Creation] = field(default_factory=dict)

    @property
    def rpc_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.chain}"

    @property
    def service_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.service}"

    @property
    def node_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.node}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        stop_all(list(self.processes.values()))

    def start_chain(self) -> None:
        """Starts Anvil, mining each transaction at once until the contracts are there."""
        command = [str(BIN / "anvil"), "--port", str(self.ports.chain), "--host", self.chain_host]
        anvil = self._start("anvil", command)
        anvil.wait_until(self._chain_is_up, START_SECONDS)

    def _chain_is_up(self) -> bool:
        try:
            connect(self.rpc_url, ANVIL_CHAIN_ID)
        except ScriptError:
            return False
        return True

    def deploy(self) -> None:
        """Deploys the contracts and the example consumer, and records them in the folder."""
        by = Sender(connect(self.rpc_url, ANVIL_CHAIN_ID), anvil_account(DEPLOYER))
        # Blocks mined at once would each be a second later than the one before: chain time
        # would run ahead of the clock.
        _request(by.web3, "anvil_setBlockTimestampInterval", 0)
        created = list(deploy_core(by, by.address, 0))
        created.append(create(by, "ChatConsumer", created[0].address, CONTAINER))
        _request(by.web3, "anvil_removeBlockTimestampInterval")
        if self.block_time:
            _request(by.web3, "evm_setIntervalMining", self.block_time)
        record_set(created, ANVIL_CHAIN_ID, self.deployments)
        self.contracts = {item.name: item for item in created}

    def start_tgi(self) -> None:
        """Starts the mock TGI server, unless a real one was named."""
        if self.tgi_url is None:
            self.tgi_url = f"http://127.0.0.1:{self.ports.tgi}"
            mock = self._start(
                "tgi",
                [sys.executable, "-m", "test.support.mock_tgi", "--port", str(self.ports.tgi)],
            )
            mock.wait_until(lambda: answers(f"{self.tgi_url}/health"), START_SECONDS)

    def start_service(self) -> None:
        """Starts the TGI container's server as the container's command and env say."""
        container = json.loads(SAMPLE_CONFIG.read_text())["containers"][0]
        env = dict(container["env"])
        env["TGI_INF_WORKFLOW_POSITIONAL_ARGS"] = json.dumps([self.tgi_url, 30])
        env.update(self.service_env)
        command = [str(BIN / "tgi-service"), *bound_to(self.ports.service, container["command"])]
        service = self._start("service", command, env=env)
        service.wait_until(lambda: answers(f"{self.service_url}/"), START_SECONDS)

    def configure_node(self) -> Path:
        """Writes the node's configuration: the sample with this stack's addresses."""
        config = json.loads(SAMPLE_CONFIG.read_text())
        config["log"]["path"] = str(self.folder / "infernet_node.log")
        config["server"]["port"] = self.ports.node
        config["store"] = {"url": f"sqlite+aiosqlite:///{self.folder / 'infernet_node.sqlite'}"}
        config["chain"]["rpc_url"] = self.rpc_url
        config["chain"]["registry_address"] = self.contracts["Registry"].address
        config["containers"][0]["url"] = self.service_url
        config.update(self.node_config)
        path = self.folder / "config.json"
        path.write_text(json.dumps(config, indent=2) + "\n")
        return path

    def start_node(self) -> None:
        """Starts the node, also again after it was killed."""
        command = [str(BIN / "infernet-node"), "run", "--config", str(self.configure_node())]
        node = self._start("node", command)
        node.wait_until(lambda: answers(f"{self.node_url}/health"), START_SECONDS)

    def _start(
        self, name: str, command: list[str], env: Mapping[str, str] | None = None
    ) -> Process:
        process = Process.start(
            name,
            command,
            log=self.folder / f"{name}.log",
            env={"PYTHONUNBUFFERED": "1", **without_loopback(os.environ), **(env or {})},
            cwd=ROOT,
        )
        self.processes[name] = process
        return process


def _request(web3: Web3, method: str, *params: object) -> None:
    response = web3.provider.make_request(RPCEndpoint(method), list(params))
    if "error" in response:
        raise ScriptError(f"{method}: {response['error']}")


def bound_to(port: int, command: str) -> list[str]:
    """Returns the arguments of the service's command with this loopback port as the only bind."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("-b", "--bind", action="append")
    _, others = parser.parse_known_args(shlex.split(command))
    return [f"--bind=127.0.0.1:{port}", *others]
