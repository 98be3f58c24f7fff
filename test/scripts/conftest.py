"""An Anvil with the contracts on it, a scripted node, and scripts run as a person would."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from eth_typing import ChecksumAddress
from web3.contract import Contract

from infernet_protocol.abis import abi
from infernet_protocol.output import delivery_from_answer, encode_text
from infernet_protocol.subscription import ZERO_ADDRESS
from scripts.accounts import NODE, REQUESTER, anvil_account
from scripts.chain import Sender, connect
from scripts.deployment import CONTAINER, create
from scripts.stack import ROOT, Ports, Stack
from scripts.views.receipts import created_subscription
from test.support.anvil import Anvil
from test.support.waiting import SECONDS


@dataclass(frozen=True)
class Done:
    """What a script left behind."""

    returncode: int
    stdout: str
    stderr: str

    @property
    def error(self) -> str:
        """The one line on standard error."""
        lines = [line for line in self.stderr.splitlines() if line]
        assert len(lines) == 1, self.stderr
        return lines[0]


Run = Callable[..., Done]


def environment(chain: Stack, **env: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if name != "PRIVATE_KEY"}
    return {**clean, "RPC_URL": chain.rpc_url, **env}


@contextmanager
def reserved_port() -> Iterator[int]:
    """A TCP port of the loopback interface that nothing listens on and the kernel gives to nobody.

    A server that names it can listen there all the same, as servers set ``SO_REUSEADDR``.
    """
    with socket.socket() as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind(("127.0.0.1", 0))
        yield int(reserved.getsockname()[1])


@pytest.fixture(scope="session")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A chain that mines at once, with the contracts deployed and nobody to answer."""
    folder = tmp_path_factory.mktemp("chain")
    with reserved_port() as port:
        ports = Ports(chain=port, tgi=0, service=0, node=0)
        with Stack(ports, folder, folder / "deployments", block_time=None) as stack:
            stack.start_chain()
            stack.deploy()
            yield stack


@pytest.fixture
def deployments(chain: Stack, tmp_path: Path) -> Path:
    """A folder of its own with the recorded deployment, for scripts that add to it."""
    folder = tmp_path / "deployments"
    folder.mkdir()
    recorded = (chain.deployments / "31337.json").read_text()
    (folder / "31337.json").write_text(recorded)
    return folder


@pytest.fixture
def run(chain: Stack) -> Run:
    """Runs a script against the chain with the environment variables given as keywords."""

    def run(script: str, *args: str | Path, **env: str) -> Done:
        done = subprocess.run(
            [sys.executable, ROOT / "scripts" / script, *args],
            env=environment(chain, **env),
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def invoke(chain: Stack) -> Run:
    """The same inside this process, which takes no second to start: for the many small cases."""

    def invoke(script: str, *args: str | Path, **env: str) -> Done:
        command = import_module(f"scripts.{script.removesuffix('.py')}").cli
        runner = CliRunner(
            mix_stderr=False, env={"RPC_URL": chain.rpc_url, "PRIVATE_KEY": None, **env}
        )
        done = runner.invoke(command, [str(arg) for arg in args], prog_name=script)
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Done(done.exit_code, done.stdout, done.stderr)

    return invoke


class Running:
    """A script that is under way; its standard output is read line by line."""

    def __init__(self, popen: "subprocess.Popen[str]") -> None:
        self.popen = popen

    def line(self) -> str:
        """Returns the next line of standard output."""
        assert self.popen.stdout is not None
        line = self.popen.stdout.readline()
        assert line, self.rest().stderr
        return line

    def event(self) -> dict[str, Any]:
        """Returns the next line, which is a JSON object."""
        value: dict[str, Any] = json.loads(self.line())
        return value

    def interrupt(self) -> None:
        self.popen.send_signal(signal.SIGINT)

    def rest(self) -> Done:
        """Waits for the end; returns what was not read yet."""
        assert self.popen.stdout is not None
        assert self.popen.stderr is not None
        # Not communicate(): it would miss what came together with a line that was read.
        stdout, stderr = self.popen.stdout.read(), self.popen.stderr.read()
        return Done(self.popen.wait(SECONDS), stdout, stderr)


@pytest.fixture
def start(chain: Stack) -> Iterator[Callable[..., Running]]:
    """Starts a script, and leaves it to the test to follow it."""
    running: list[Running] = []

    def start(script: str, *args: str | Path, **env: str) -> Running:
        popen = subprocess.Popen(
            [sys.executable, ROOT / "scripts" / script, *args],
            env=environment(chain, **env),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(Running(popen))
        return running[-1]

    yield start
    for script in running:
        with script.popen:
            script.popen.kill()


@pytest.fixture
def anvil(chain: Stack) -> Iterator[Anvil]:
    """Administers the chain."""
    anvil = Anvil(chain.rpc_url)
    yield anvil
    anvil.close()


@pytest.fixture
def requester(chain: Stack) -> Sender:
    return Sender(connect(chain.rpc_url), anvil_account(REQUESTER))


@pytest.fixture
def coordinator(chain: Stack, requester: Sender) -> Contract:
    address = chain.contracts["EIP712Coordinator"].address
    return requester.web3.eth.contract(address, abi=abi("EIP712Coordinator"))


class Node:
    """A node that answers what the test tells it to."""

    def __init__(self, coordinator: Contract, account: int = NODE) -> None:
        self._coordinator = coordinator
        self._sender = Sender(coordinator.w3, anvil_account(account))

    @property
    def address(self) -> str:
        return self._sender.address

    def deliver(self, subscription_id: int, interval: int, text: str) -> None:
        call = self._coordinator.functions.deliverCompute(
            subscription_id, interval, *self._delivery(text), ZERO_ADDRESS
        )
        self._sender.send(call, "delivering")

    def deliver_delegated(self, body: dict[str, Any], interval: int, text: str) -> None:
        """Creates the subscription of a posted body and delivers, in one transaction."""
        call = self._coordinator.functions.deliverComputeDelegatee(
            *self._creation(body), interval, *self._delivery(text), ZERO_ADDRESS
        )
        self._sender.send(call, "creating and delivering")

    @staticmethod
    def _creation(body: dict[str, Any]) -> tuple[Any, ...]:
        signature, wire = body["signature"], body["subscription"]
        subscription = (
            wire["owner"],
            wire["active_at"],
            wire["period"],
            wire["frequency"],
            wire["redundancy"],
            bytes.fromhex(wire["containers"].removeprefix("0x")),
            wire["lazy"],
            wire["verifier"],
            wire["payment_amount"],
            wire["payment_token"],
            wire["wallet"],
        )
        r, s = (signature[name].to_bytes(32, "big") for name in "rs")
        return signature["nonce"], signature["expiry"], subscription, signature["v"], r, s

    @staticmethod
    def _delivery(text: str) -> tuple[bytes, bytes, bytes]:
        nothing = dict.fromkeys(("raw_input", "processed_input", "processed_output", "proof"))
        return delivery_from_answer({**nothing, "raw_output": encode_text(text).hex()})


@pytest.fixture
def node(coordinator: Contract) -> Node:
    return Node(coordinator)


@pytest.fixture(scope="session")
def scheduled_chat(chain: Stack) -> ChecksumAddress:
    """Address of a ScheduledChat."""
    by = Sender(connect(chain.rpc_url), anvil_account(REQUESTER))
    return create(by, "ScheduledChat", chain.contracts["Registry"].address, CONTAINER).address


@pytest.fixture
def schedule(requester: Sender, scheduled_chat: ChecksumAddress) -> Callable[..., int]:
    """Schedules questions without a script; returns the subscription's id."""

    def schedule(*questions: str, period: int = 100, redundancy: int = 1) -> int:
        contract = requester.web3.eth.contract(scheduled_chat, abi=abi("ScheduledChat"))
        call = contract.functions.schedule(list(questions), period, redundancy)
        created = created_subscription(requester.send(call, "scheduling"))
        assert created is not None
        return created[0]

    return schedule
