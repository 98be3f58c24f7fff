"""Contracts on Anvil, a scripted pipeline, and a node's chain half that can be killed."""

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from eth_abi.abi import decode, encode
from eth_account import Account
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from prometheus_client import CollectorRegistry
from prometheus_client.samples import Sample
from pydantic import SecretStr

from infernet_node.chain.contracts import Function
from infernet_node.chain.metrics import ChainMetrics
from infernet_node.chain.service import ChainService
from infernet_node.config import ChainConfig, ContainerConfig
from infernet_node.config.models import SnapshotSyncConfig, WalletConfig
from infernet_node.store.database import Database
from infernet_protocol.messages import JobLocation
from infernet_protocol.output import decode_text, encode_text
from infernet_protocol.subscription import ZERO_ADDRESS
from test.support.anvil import KEYS, Anvil
from test.support.contracts import create, create_core

CONTAINER = "chat"
REQUESTER = str(Account.from_key(KEYS[3]).address)
DEPLOYER = str(Account.from_key(KEYS[2]).address)
SIGNER_KEY = KEYS[4]
NODE_KEY = KEYS[1]
NODE = str(Account.from_key(NODE_KEY).address)


CREATED = "0x" + keccak(text="SubscriptionCreated(uint32)").hex()
_LOOKS_WITHOUT_A_HEAD = 25
"""Half a second."""
SUBSCRIPTION_FULFILLED = "0x" + keccak(text="SubscriptionFulfilled(uint32,address)").hex()


class Killed(BaseException):
    """SIGKILL, as far as one process can play it: no Exception, nothing catches it."""


@dataclass(frozen=True)
class Contracts:
    """Addresses by contract name."""

    addresses: dict[str, str]

    def __getitem__(self, name: str) -> str:
        return self.addresses[name]


def deploy(anvil: Anvil) -> Contracts:
    addresses = create_core(anvil, DEPLOYER)
    registry, signer = addresses["Registry"], Account.from_key(SIGNER_KEY).address
    text = ("address", "string")
    for name, types, argument in (
        ("ChatConsumer", text, CONTAINER),
        ("ScheduledChat", text, CONTAINER),
        ("DelegatedChat", ("address", "address"), signer),
    ):
        addresses[name] = create(anvil, DEPLOYER, name, types, (registry, argument))
    addresses["RecordingConsumer"] = create(
        anvil, DEPLOYER, "RecordingConsumer", ("address",), (registry,)
    )
    return Contracts(addresses)


@dataclass
class Chain:
    """What requesters do, and what the chain shows of it."""

    anvil: Anvil
    contracts: Contracts

    def call(self, to: str, function: Function, *arguments: Any) -> Any:
        data = "0x" + function.encode(*arguments).hex()
        returned = self.anvil.rpc("eth_call", {"to": to, "data": data}, "latest")
        return decode(function.outputs, bytes.fromhex(returned[2:]))[0]

    def send(self, to: str, function: Function, *arguments: Any, **fields: Any) -> str:
        """Puts a requester's transaction into the pool; the next block has it."""
        data = "0x" + function.encode(*arguments).hex()
        transaction = {"from": REQUESTER, "to": to, "data": data, "gas": hex(1_000_000), **fields}
        return str(self.anvil.rpc("eth_sendTransaction", transaction))

    def reorganise(self, snapshot: str) -> None:
        """Goes back to a snapshot and on with other blocks, from an empty pool."""
        height = self.anvil.number
        self.anvil.rpc("evm_revert", snapshot)
        self.anvil.rpc("anvil_dropAllTransactions")
        # Another timestamp makes another block of the same height.
        self.anvil.mine_at(self.anvil.timestamp + 3)
        self.anvil.mine(max(height - self.anvil.number, 0))

    def redeployed_on(self, anvil: Anvil) -> "Chain":
        """The same contracts at the same addresses on another chain."""
        again = Chain(anvil, deploy(anvil))
        assert again.contracts == self.contracts
        return again

    @property
    def next_id(self) -> int:
        coordinator = self.contracts["EIP712Coordinator"]
        return int(self.call(coordinator, Function("id", (), ("uint32",))))

    def put(self, question: str, consumer: str = "ChatConsumer") -> str:
        """Puts the request of a callback into the pool; returns the transaction's hash."""
        function = Function("chatWithLLM", ("bytes",), ("uint32",))
        return self.send(self.contracts[consumer], function, encode_text(question))

    def ask(self, question: str, consumer: str = "ChatConsumer") -> int:
        """Requests a callback, mined at once; returns the subscription's id."""
        return self.created_by(self.put(question, consumer))

    def schedule(self, questions: Sequence[str], period: int, redundancy: int = 1) -> int:
        """Requests a recurring subscription, mined at once; returns its id."""
        function = Function("schedule", ("string[]", "uint32", "uint16"), ("uint32",))
        consumer = self.contracts["ScheduledChat"]
        return self.created_by(self.send(consumer, function, questions, period, redundancy))

    def created_by(self, transaction: str) -> int:
        """Mines; returns the id that the transaction created, whoever creates others meanwhile."""
        self.anvil.mine()
        receipt = self.anvil.rpc("eth_getTransactionReceipt", transaction)
        (id_,) = (log["topics"][1] for log in receipt["logs"] if log["topics"][0] == CREATED)
        return int(id_, 16)

    def cancel(self, subscription_id: int) -> None:
        """Cancels a recurring subscription, mined at once."""
        function = Function("cancel", ("uint32",))
        self.send(self.contracts["ScheduledChat"], function, subscription_id)
        self.anvil.mine()

    def subscribe_as(self, owner: str, container: str = CONTAINER) -> int:
        """Has an account that is no contract ask for one answer; returns the id."""
        types = ("string", "uint32", "uint32", "uint16", "bool")
        function = Function(
            "createSubscription", (*types, "address", "uint256", "address", "address"), ("uint32",)
        )
        terms = (container, 1, 0, 1, False, ZERO_ADDRESS, 0, ZERO_ADDRESS, ZERO_ADDRESS)
        coordinator = self.contracts["EIP712Coordinator"]
        self.send(coordinator, function, *terms, **{"from": owner})
        self.anvil.mine()
        return self.next_id - 1

    def nonce_of(self, account: str) -> int:
        return int(self.anvil.rpc("eth_getTransactionCount", account, "latest"), 16)

    def pending_of(self, account: str) -> int:
        """Transactions of an account that wait to be mined."""
        pending = int(self.anvil.rpc("eth_getTransactionCount", account, "pending"), 16)
        return pending - self.nonce_of(account)

    def answer(self, subscription_id: int, consumer: str = "ChatConsumer") -> str:
        function = Function("answer", ("uint32",), ("string",))
        return str(self.call(self.contracts[consumer], function, subscription_id))

    def scheduled_answer(
        self, subscription_id: int, interval: int, consumer: str = "ScheduledChat"
    ) -> str:
        function = Function("answer", ("uint32", "uint32", "uint16"), ("string",))
        return str(self.call(self.contracts[consumer], function, subscription_id, interval, 1))

    def deliveries(self, subscription_id: int | None = None) -> int:
        """Counts fulfilments, of one subscription or of all."""
        topics = [SUBSCRIPTION_FULFILLED]
        if subscription_id is not None:
            topics.append("0x" + subscription_id.to_bytes(32, "big").hex())
        wanted = {"fromBlock": "0x0", "toBlock": "latest", "topics": topics}
        return len(self.anvil.rpc("eth_getLogs", wanted))

    def reverted(self, sender: str = NODE) -> int:
        """Counts the sender's transactions that failed on chain."""
        failed = 0
        for number in range(self.anvil.number + 1):
            block = self.anvil.rpc("eth_getBlockByNumber", hex(number), True)
            for transaction in block["transactions"]:
                if to_checksum_address(transaction["from"]) == sender:
                    receipt = self.anvil.rpc("eth_getTransactionReceipt", transaction["hash"])
                    failed += receipt["status"] == "0x0"
        return failed


@dataclass(frozen=True)
class Log:
    """What was logged, as the lines that a console shows."""

    entries: list[Any]

    def has(self, pattern: str) -> bool:
        """Whether a line matches a regular expression, in any case."""
        return self.count(pattern) > 0

    def count(self, pattern: str) -> int:
        """How many lines match a regular expression, in any case."""
        return sum(bool(re.search(pattern, line, re.IGNORECASE)) for line in self.lines)

    @property
    def lines(self) -> list[str]:
        return [
            " ".join([entry["event"], *(f"{key}={entry[key]}" for key in sorted(entry))])
            for entry in self.entries
        ]


@dataclass
class Outcome:
    error: str | None
    answer: Any
    refused: bool = False


@dataclass
class Pipeline:
    """Answers ``echo: <question>`` on chain's terms, unless told otherwise."""

    runs: list[dict[str, Any]] = field(default_factory=list)
    failures: int = 0
    """How many runs are yet to fail."""
    refuses: bool = False
    """Whether every run finds fault with its input."""
    gate: asyncio.Event | None = None
    """What a run waits for before it answers."""
    reply: Callable[[str], Any] | None = None

    async def __call__(
        self,
        containers: Sequence[str],
        *,
        source: JobLocation,
        data: Any,
        destination: JobLocation,
        requires_proof: bool,
        request_id: str,
    ) -> Outcome:
        self.runs.append({"containers": tuple(containers), "source": source, "data": data})
        if self.gate:
            await self.gate.wait()
        if self.failures:
            self.failures -= 1
            return Outcome("Container timed out after 1 s", None)
        if self.refuses:
            return Outcome("text: too long", None, refused=True)
        question = data["text"] if source is JobLocation.OFFCHAIN else _question(data)
        if self.reply:
            return Outcome(None, self.reply(question))
        return Outcome(None, onchain_answer(f"echo: {question}"))


def onchain_answer(text: str) -> dict[str, str | None]:
    """What a container answers to an on-chain destination."""
    return {
        "raw_input": None,
        "processed_input": None,
        "raw_output": encode(["string"], [text]).hex(),
        "processed_output": None,
        "proof": None,
    }


def _question(data: str) -> str:
    return decode_text(bytes.fromhex(data)) if data else "(no input)"


@dataclass
class Node:
    """A node's chain half over a database that outlives it."""

    chain: Chain
    database_url: str
    pipeline: Pipeline
    rpc_url: str = ""
    ws_url: str | None = None
    sync_period: float = 0.01
    key: str = NODE_KEY
    containers: Sequence[ContainerConfig] = ()
    wallet: dict[str, Any] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)
    """Containers that do not run."""
    die_at: str | None = None
    deaths: int = 0
    service: ChainService = field(init=False)
    registry: CollectorRegistry = field(init=False)
    """Figures of the present life."""
    _task: asyncio.Task[None] = field(init=False)
    _database: Database = field(init=False)

    async def start(self) -> None:
        self._database = await Database.open(self.database_url)
        config = ChainConfig(
            enabled=True,
            rpc_url=self.rpc_url or self.chain.anvil.url,
            ws_url=self.ws_url,
            trail_head_blocks=0,
            registry_address=self.chain.contracts["Registry"],
            wallet=WalletConfig(private_key=SecretStr(self.key), **self.wallet),
            snapshot_sync=SnapshotSyncConfig(sync_period=self.sync_period),
        )
        containers = self.containers or [ContainerConfig(id=CONTAINER, url="http://unused.invalid")]
        self._dead = asyncio.Event()
        self.registry = CollectorRegistry()
        self.service = ChainService(
            config,
            containers,
            self.pipeline,
            self._database,
            ChainMetrics(self.registry),
            reached=self._reached,
            is_running=lambda container: container not in self.down,
        )
        self._task = asyncio.create_task(self.service.run())

    async def stop(self) -> None:
        """Ends it as SIGKILL would: whatever it was doing, nothing more is written."""
        self._task.cancel()
        await asyncio.wait([self._task])
        await self.service.close()
        await self._database.close()

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    def figure(self, name: str) -> float:
        """Returns a figure as Prometheus would read it, labels added up; 0 if it is not there."""
        return sum(sample.value for sample in self._samples(name))

    def figures(self, name: str, label: str) -> dict[str, float]:
        """Returns what a figure says of each value of a label, as far as that is not 0."""
        return {
            sample.labels[label]: sample.value for sample in self._samples(name) if sample.value
        }

    def _samples(self, name: str) -> list[Sample]:
        found = (sample for metric in self.registry.collect() for sample in metric.samples)
        return [sample for sample in found if sample.name == name]

    @property
    def is_dead(self) -> bool:
        return self._dead.is_set()

    def _reached(self, point: str) -> None:
        if point == self.die_at:
            self.deaths += 1
            self.die_at = None
            self._dead.set()
            raise Killed

    async def until(
        self, condition: Callable[[], bool], *, mine: bool = True, seconds: float = 30
    ) -> None:
        """Lets blocks pass until something is true; fails the test when time is up."""
        deadline = time.monotonic() + seconds
        for look in count():
            if condition():
                return
            assert time.monotonic() < deadline, f"not within {seconds} s: {self.service.status}"
            # Chain time goes by blocks: on a busy machine they wait for the node, and come
            # slowly while it has not seen any.
            slowly = self.service.head == -1 and look % _LOOKS_WITHOUT_A_HEAD == 0
            if mine and (slowly or self.service.head == self.chain.anvil.number):
                self.chain.anvil.mine()
            await asyncio.sleep(0.02)
