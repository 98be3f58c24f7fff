"""Anvil with one-second blocks, contracts, a container, and a node in its own process."""

import json
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import requests
from eth_abi.abi import encode
from eth_account import Account
from eth_utils.crypto import keccak

from bench.process import Usage
from scripts.processes import Process, answers, free_port
from test.support.anvil import KEYS, Anvil
from test.support.contracts import create, create_core

ROOT = Path(__file__).parent.parent.parent
BIN = Path(sys.executable).parent
CONTAINER = "chat"
BLOCK_SECONDS = 1
_START_SECONDS = 60
_LONGEST_WAIT = 180
_DEPLOYER = str(Account.from_key(KEYS[2]).address)
_REQUESTER = str(Account.from_key(KEYS[3]).address)
_FULFILLED = "0x" + keccak(text="SubscriptionFulfilled(uint32,address)").hex()
_CREATED = "0x" + keccak(text="SubscriptionCreated(uint32)").hex()
_REQUEST_LINE = re.compile(rb"^(eth_\w+|net_\w+|web3_\w+)$", re.MULTILINE)
_BENCHMARKS_OWN = {b"eth_sendTransaction", b"eth_accounts", b"eth_blockNumber"}
"""Requests that the benchmark makes and the node never does; Anvil itself makes the second."""
_SUBSCRIBE = keccak(text="subscribe(address,string,uint32,uint32,uint256)")[:4]
_CHAT = keccak(text="chatWithLLM(bytes)")[:4]
_A_YEAR = 365 * 86400


@dataclass
class World:
    """A chain to measure on."""

    folder: Path
    anvil: Anvil
    anvil_log: Path
    container_port: int
    addresses: dict[str, str]
    own_log_reads: int = field(init=False, default=0)
    """``eth_getLogs`` of the benchmark, which the node makes too."""

    def start_mining(self) -> None:
        """From here on a block comes every second, and chain time is that of the clock."""
        self.anvil.rpc("evm_setIntervalMining", BLOCK_SECONDS)

    def crowd(self, container: str, frequency: int, period: int, count: int) -> None:
        """Creates subscriptions, a thousand in a block."""
        while count > 0:
            part = min(count, 1000)
            terms = (self.addresses["EIP712Coordinator"], container, frequency, period, part)
            data = _SUBSCRIBE + encode(["address", "string", "uint32", "uint32", "uint256"], terms)
            self._send(self.addresses["Crowd"], data, gas=2**30)
            self.anvil.mine()
            count -= part

    def idle_crowd(self, count: int) -> None:
        """Creates subscriptions of the node's container whose first interval is a year away."""
        self.crowd(CONTAINER, 12, _A_YEAR, count)

    def ask(self, count: int) -> None:
        """Requests callbacks; the next block, or the next few, have them."""
        question = encode(["string"], ["Can shrimp actually fry rice fr?"])
        data = _CHAT + encode(["bytes"], [question])
        for _ in range(count):
            self._send(self.addresses["ChatConsumer"], data, gas=1_000_000)

    def _send(self, to: str, data: bytes, gas: int) -> None:
        transaction = {"from": _REQUESTER, "to": to, "data": "0x" + data.hex(), "gas": hex(gas)}
        self.anvil.rpc("eth_sendTransaction", transaction)

    def blocks(self, topic: str, since: int) -> dict[int, int]:
        """Returns block numbers of an event by subscription id."""
        if self.anvil.number == since:
            return {}
        self.own_log_reads += 1
        wanted = {"fromBlock": hex(since + 1), "toBlock": "latest", "topics": [topic]}
        logs = self.anvil.rpc("eth_getLogs", wanted)
        return {int(log["topics"][1], 16): int(log["blockNumber"], 16) for log in logs}

    def requested(self, since: int) -> dict[int, int]:
        return self.blocks(_CREATED, since)

    def delivered(self, since: int) -> dict[int, int]:
        return self.blocks(_FULFILLED, since)

    def await_deliveries(self, count: int, since: int) -> None:
        """Returns once so many callbacks are answered after a block.

        Raises:
            TimeoutError: if that takes unreasonably long.
        """
        deadline = time.monotonic() + _LONGEST_WAIT
        while (done := len(self.delivered(since))) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{done} of {count} delivered in {_LONGEST_WAIT} s")
            time.sleep(0.1)

    def rpc_requests(self) -> int:
        """JSON-RPC requests that Anvil has answered to the node so far, as Anvil logged them."""
        lines = _REQUEST_LINE.findall(self.anvil_log.read_bytes())
        return sum(line not in _BENCHMARKS_OWN for line in lines) - self.own_log_reads

    @contextmanager
    def node(self, name: str, sync_period: float = 0.1) -> Iterator[Process]:
        """Runs a node over a fresh store; yields once it is ready.

        Args:
            sync_period: ``snapshot_sync.sync_period``, seconds between looks at the head.
        """
        port = free_port()
        folder = self.folder / name
        folder.mkdir()
        config = {
            "manage_containers": False,
            "log": {"path": str(folder / "node.log")},
            "server": {"port": port, "host": "127.0.0.1"},
            "store": {"url": f"sqlite+aiosqlite:///{folder / 'node.sqlite'}"},
            "chain": {
                "enabled": True,
                "rpc_url": self.anvil.url,
                "trail_head_blocks": 0,
                "registry_address": self.addresses["Registry"],
                "wallet": {"private_key": KEYS[1], "max_gas_limit": 4_000_000},
                "snapshot_sync": {"sync_period": sync_period},
            },
            "containers": [{"id": CONTAINER, "url": f"http://127.0.0.1:{self.container_port}"}],
        }
        path = folder / "config.json"
        path.write_text(json.dumps(config))
        command = [str(BIN / "infernet-node"), "run", "--config", str(path)]
        process = Process.start("node", command, log=folder / "output.log", cwd=ROOT)
        url = f"http://127.0.0.1:{port}"
        try:
            process.wait_until(lambda: answers(f"{url}/health"), _START_SECONDS)
            process.wait_until(lambda: _ready(url), _START_SECONDS)
            yield process
        finally:
            process.stop()


def _ready(url: str) -> bool:
    return requests.get(f"{url}/health/ready", timeout=5).ok


@contextmanager
def fresh_world(folder: Path) -> Iterator[World]:
    """Starts Anvil, deploys, starts the container; nothing is mined but on demand."""
    folder.mkdir(parents=True, exist_ok=True)
    port, container_port = free_port(), free_port()
    log = folder / "anvil.log"
    command = [str(BIN / "anvil"), "--port", str(port), "--no-mining", "--order", "fifo"]
    command += ["--gas-limit", str(2**34), "--disable-code-size-limit"]
    processes: list[Process] = []
    try:
        processes.append(Process.start("anvil", command, log=log))
        anvil = Anvil(f"http://127.0.0.1:{port}")
        processes[-1].wait_until(lambda: _answers_rpc(anvil), _START_SECONDS)
        anvil.rpc("anvil_setBlockTimestampInterval", 0)
        addresses = _deploy(anvil)
        anvil.rpc("anvil_removeBlockTimestampInterval")
        module = [sys.executable, "-m", "bench.chain.container", str(container_port)]
        processes.append(Process.start("container", module, log=folder / "container.log", cwd=ROOT))
        processes[-1].wait_until(
            lambda: answers(f"http://127.0.0.1:{container_port}/"), _START_SECONDS
        )
        yield World(folder, anvil, log, container_port, addresses)
        anvil.close()
    finally:
        for process in reversed(processes):
            process.stop()


def _deploy(anvil: Anvil) -> dict[str, str]:
    addresses = create_core(anvil, _DEPLOYER)
    addresses["ChatConsumer"] = create(
        anvil, _DEPLOYER, "ChatConsumer", ("address", "string"), (addresses["Registry"], CONTAINER)
    )
    addresses["Crowd"] = create(anvil, _DEPLOYER, "Crowd")
    return addresses


def _answers_rpc(anvil: Anvil) -> bool:
    try:
        anvil.rpc("eth_chainId")
    except requests.RequestException:
        return False
    return True


def usage_over(process: Process, seconds: float) -> tuple[float, float]:
    """Watches a process for a while; returns its share of one core and its MiB at the end."""
    before, start = Usage.of(process.popen.pid), time.monotonic()
    time.sleep(seconds)
    after = Usage.of(process.popen.pid)
    return (after.seconds - before.seconds) / (time.monotonic() - start), after.mebibytes
