"""A chain in memory, as one account sees it: blocks, a pool, a price, and everything that fails.

It answers what the transaction library asks, by the rules that public clients share, and is
read by tests as the truth that the library's journal has to agree with.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Self

import rlp
from eth_utils.crypto import keccak

from infernet_node.chain.requests import Request
from infernet_node.chain.rpc import Rpc
from infernet_node.chain.rpc_errors import RefusedError, RevertError, RpcError, TransportError

GWEI = 10**9
TIP = GWEI
TRANSFER_GAS = 21_000
REVERTS_ON_CHAIN = b"\xbb"
"""Call data that is found good in a simulation and fails when it is mined."""
REVERTS_AT_ONCE = b"\xaa"


@dataclass(frozen=True)
class Payload:
    """What a transaction does, whatever it costs."""

    to: str
    value: int
    data: bytes

    @property
    def reverts(self) -> bool:
        return self.data[:1] in (REVERTS_ON_CHAIN, REVERTS_AT_ONCE)


@dataclass(frozen=True)
class Sent:
    """A signed transaction."""

    hash: str
    nonce: int
    max_fee: int
    tip: int
    gas: int
    payload: Payload
    foreign: bool = False
    """Whether another process made it with the same key."""

    @classmethod
    def decode(cls, raw: bytes) -> Self:
        """Reads a type 2 (EIP-1559) or a legacy transaction."""
        hash_ = "0x" + keccak(raw).hex()
        if raw[0] == 2:
            _, nonce, tip, max_fee, *rest = rlp.decode(raw[1:])
        else:
            nonce, max_fee, *rest = rlp.decode(raw)
            tip = max_fee
        gas, to, value, data = rest[:4]
        payload = Payload("0x" + to.hex(), _number(value), bytes(data))
        return cls(hash_, _number(nonce), _number(max_fee), _number(tip), _number(gas), payload)


@dataclass(frozen=True)
class Block:
    hash: str
    timestamp: int
    base_fee: int
    transactions: tuple[Sent, ...]


class Trouble(Enum):
    """How the endpoint fails."""

    UNREACHABLE = auto()
    """No answer, and nothing was done."""
    LOST_ANSWER = auto()
    """It was done, and the answer does not arrive."""
    LAGS = auto()
    """Reads come from a backend that does not have the latest block yet."""
    RECEIPTS_LAG = auto()
    """Receipts come from a backend that does not have the latest two blocks yet."""


@dataclass
class ModelChain:
    """The truth. Its number is that of its last block; transactions are all of one account."""

    has_base_fee: bool = True
    base_fee: int = GWEI
    balance: int = 10**20
    blocks: list[Block] = field(default_factory=list)
    pool: dict[int, Sent] = field(default_factory=dict)
    trouble: Trouble | None = None
    trouble_lasts: int = 0
    """HTTP requests that are yet to meet the trouble."""
    salt: int = 0

    def __post_init__(self) -> None:
        self._append(())

    # What happens

    def mine(self, limit: int = 100) -> None:
        """Mines a block of what pays enough, in the order of nonces."""
        mined: list[Sent] = []
        nonce = self.nonce
        while len(mined) < limit and (sent := self.pool.get(nonce)) and self._pays(sent):
            mined.append(sent)
            nonce += 1
        self._append(mined)
        self.pool = {number: sent for number, sent in self.pool.items() if number >= nonce}

    def reorganise(self, depth: int, *, pool_keeps: bool, longer_by: int) -> int:
        """Replaces the last blocks by empty ones; returns the first number that is another."""
        first = max(len(self.blocks) - depth, 1)
        removed, self.blocks = self.blocks[first:], self.blocks[:first]
        if pool_keeps:
            for sent in (sent for block in removed for sent in block.transactions):
                self.pool.setdefault(sent.nonce, sent)
        for _ in range(len(removed) + longer_by):
            self._append(())
        return first

    def drop_pool(self) -> None:
        self.pool.clear()

    def send_elsewhere(self, *, mine: bool) -> None:
        """Another process uses the account's key for a transaction of its own."""
        nonce = self.nonce if mine else self.pending_nonce
        self.salt += 1
        foreign = Sent(
            f"0xf{self.salt:063x}",
            nonce,
            *(1_000 * GWEI, TIP, TRANSFER_GAS),
            Payload("0x" + "ee" * 20, self.salt, b""),
            foreign=True,
        )
        self.pool[nonce] = foreign
        if mine:
            self.mine(limit=1)

    # What is there

    @property
    def nonce(self) -> int:
        return self.nonce_after(len(self.blocks) - 1)

    def nonce_after(self, number: int) -> int:
        return sum(len(block.transactions) for block in self.blocks[: number + 1])

    @property
    def pending_nonce(self) -> int:
        nonce = self.nonce
        while nonce in self.pool:
            nonce += 1
        return nonce

    @property
    def timestamp(self) -> int:
        return self.blocks[-1].timestamp

    def mined(self) -> Iterator[Sent]:
        for block in self.blocks:
            yield from block.transactions

    def mined_in(self, number: int) -> tuple[Sent, ...]:
        return self.blocks[number].transactions

    def _pays(self, sent: Sent) -> bool:
        return not self.has_base_fee or sent.max_fee >= self.base_fee

    def _append(self, transactions: Sequence[Sent]) -> None:
        self.salt += 1
        hash_ = "0x" + keccak(self.salt.to_bytes(8, "big")).hex()
        timestamp = self.blocks[-1].timestamp + 2 if self.blocks else 1_000
        self.blocks.append(Block(hash_, timestamp, self.base_fee, tuple(transactions)))

    # What an endpoint says

    def next_trouble(self) -> Trouble | None:
        """What the next HTTP request meets."""
        self.trouble_lasts -= 1
        if self.trouble_lasts < 0:
            self.trouble = None
        return self.trouble

    def accept(self, raw: bytes) -> str:
        """Takes a transaction into the pool, or refuses it as geth does.

        Raises:
            RefusedError: it is not taken.
        """
        sent = Sent.decode(raw)
        if reason := self._reason_to_refuse(sent):
            raise RefusedError(-32000, reason)
        self.pool[sent.nonce] = sent
        return sent.hash

    def _reason_to_refuse(self, sent: Sent) -> str | None:
        known = self.pool.get(sent.nonce)
        if known and known.hash == sent.hash:
            return "already known"
        if sent.nonce < self.nonce:
            return "nonce too low"
        if sent.gas < TRANSFER_GAS:
            return "intrinsic gas too low"
        if self.balance < sent.gas * sent.max_fee + sent.payload.value:
            return "insufficient funds for gas * price + value"
        if known and (
            sent.max_fee * 1000 < known.max_fee * 1125 or sent.tip * 1000 < known.tip * 1125
        ):
            return "replacement transaction underpriced"
        return None

    def answer(self, request: Request) -> Any:
        """Returns the result of a read, or the error in its place."""
        lag = 1 if self.trouble is Trouble.LAGS else 0
        if self.trouble is Trouble.RECEIPTS_LAG and request.method == "eth_getTransactionReceipt":
            lag = 2
        number = max(len(self.blocks) - 1 - lag, 0)
        match request.method, request.params:
            case "eth_getBlockByNumber", _:
                return self._header(number)
            case "eth_getTransactionCount", (_, tag):
                pending = tag == "pending" and not lag
                return hex(self.pending_nonce if pending else self.nonce_after(number))
            case "eth_gasPrice", _:
                return hex((self.base_fee if self.has_base_fee else 0) + TIP)
            case "eth_maxPriorityFeePerGas", _:
                return hex(TIP)
            case "eth_getBalance", _:
                return hex(self.balance)
            case "eth_estimateGas", (call, _):
                simulated = bytes.fromhex(call.get("data", "0x")[2:])
                if simulated[:1] == REVERTS_AT_ONCE:
                    return RevertError("execution reverted", bytes.fromhex("23455ba1"))
                return hex(TRANSFER_GAS)
            case "eth_getTransactionReceipt", (hash_,):
                return self._receipt(hash_, number)
        raise AssertionError(f"nobody should ask for {request.method}")

    def _header(self, number: int) -> dict[str, Any]:
        block = self.blocks[number]
        header: dict[str, Any] = {
            "number": hex(number),
            "hash": block.hash,
            "parentHash": self.blocks[number - 1].hash if number else "0x00",
            "timestamp": hex(block.timestamp),
        }
        return header | ({"baseFeePerGas": hex(block.base_fee)} if self.has_base_fee else {})

    def _receipt(self, hash_: str, latest: int) -> dict[str, str] | None:
        for number, block in enumerate(self.blocks[: latest + 1]):
            for sent in block.transactions:
                if sent.hash == hash_:
                    return {
                        "transactionHash": hash_,
                        "blockNumber": hex(number),
                        "blockHash": block.hash,
                        "status": "0x0" if sent.payload.reverts else "0x1",
                    }
        return None


class Crash(BaseException):
    """The process ends here. Not an Exception: nothing may catch it."""


@dataclass
class Process:
    """One life of a process. After its end nothing that it began takes effect."""

    steps_to_live: int | None = None
    alive: bool = True
    busy: int = 0
    """Steps that are under way."""

    def step(self, _point: str = "") -> None:
        """Called before and after everything that leaves a trace outside the process."""
        if self.steps_to_live is not None:
            self.alive = self.alive and self.steps_to_live > 0
            self.steps_to_live -= 1
        if not self.alive:
            raise Crash


class ModelRpc(Rpc):
    """The connection of one process to the model chain."""

    def __init__(self, chain: ModelChain, process: Process) -> None:
        super().__init__(["http://model.invalid"])
        self._chain = chain
        self._process = process

    async def batch(self, requests: Sequence[Request]) -> list[Any]:
        self._process.step()
        await asyncio.sleep(0)
        if self._chain.next_trouble() in (Trouble.UNREACHABLE, Trouble.LOST_ANSWER):
            raise TransportError("no answer")
        results = [self._chain.answer(request) for request in requests]
        self._process.step()
        return results

    async def shared(self, requests: Sequence[Request]) -> list[Any]:
        return await self.batch(requests)

    async def send_raw_transaction(self, raw: bytes) -> str:
        self._process.step()
        await asyncio.sleep(0)
        trouble = self._chain.next_trouble()
        if trouble is Trouble.UNREACHABLE:
            raise TransportError("no answer")
        result: str | RpcError
        try:
            result = self._chain.accept(raw)
        except RefusedError as error:
            result = error
        self._process.step()
        if trouble is Trouble.LOST_ANSWER:
            raise TransportError("no answer")
        if isinstance(result, RpcError):
            raise result
        return result


def _number(word: bytes) -> int:
    return int.from_bytes(word, "big")
