"""What has happened on the chain since the last look, in one batch per block.

New subscriptions are found by their events and by ``Coordinator.id()``: the one shows that the
other is of the same chain, the other misses none where an endpoint keeps events back. They are
read in bulk through the Reader; the same path takes the snapshot at the first start.
Cancellations and the ends of proofs are found by their events.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from infernet_node.chain.contracts import Coordinator, Reader, answer, read_all
from infernet_node.chain.cursor import Cursor
from infernet_node.chain.events import TOPICS, Events, Settled
from infernet_node.chain.header import Header
from infernet_node.chain.requests import Request
from infernet_node.chain.rpc import Rpc
from infernet_node.chain.rpc_errors import (
    RefusedError,
    RevertError,
    RpcError,
    TransportError,
    if_reverted,
    or_raise,
)
from infernet_protocol.subscription import Subscription

log = structlog.get_logger(__name__)

_FIRST_ID = 1
_LOOKS_FOR_MISSING = 10
"""Before what cannot be read is no longer waited for."""
_LOG_RANGE = 1_000
"""Blocks in one ``eth_getLogs``; refused ranges are halved."""


@dataclass(frozen=True, slots=True)
class Found:
    """A subscription as the chain has it."""

    id: int
    subscription: Subscription
    completed: bool
    """Whether its last interval has all its answers."""


@dataclass(frozen=True, slots=True)
class Step:
    """Everything between two cursors."""

    cursor: Cursor
    timestamp: int
    """Chain time at the cursor, UNIX seconds."""
    found: list[Found]
    """New, or doubtful after a reorganisation."""
    cancelled: list[int]
    settled: list[Settled] = field(default_factory=list)
    """Proofs, of any node."""
    rewound_to: int | None = None
    """The last block that a reorganisation left in place, -1 if none that is known."""


class _ReorganisedError(Exception):
    """The block of a cursor is no longer in the chain."""


@dataclass
class Listener:
    """Reads the chain up to ``trail`` blocks behind its head.

    Args:
        batch_size: subscriptions per call of the Reader.
        first_id: lowest id that is looked at.
    """

    rpc: Rpc
    coordinator: Coordinator
    reader: Reader
    trail: int = 0
    batch_size: int = 500
    first_id: int = 1
    _missing_looks: int = field(init=False, default=0)

    async def head(self) -> Header:
        """Returns the latest header."""
        return Header.from_rpc(await self.rpc.call("eth_getBlockByNumber", "latest", False))

    async def step(self, head: Header, history: Sequence[Cursor]) -> Step | None:
        """Reads on from the newest cursor; ``None`` if there is nothing beyond it.

        Args:
            head: latest header.
            history: cursors, newest first; empty to take a snapshot of everything.

        Raises:
            RpcError: the chain could not be asked; nothing is lost, ask again.
        """
        target = max(head.number - self.trail, 0)
        if not history:
            return await self._read(target, None)
        if target == head.number and head.parent_hash == history[0].hash:
            return await self._read_next(head, history[0])
        if target <= history[0].number:
            known = next((cursor for cursor in history if cursor.number <= target), None)
            if known is None or await self._survives(known):
                return None  # nothing new, or an endpoint that lags behind another
        elif step := await self._read_from(target, history[0]):
            return step
        return await self._step_after_reorganisation(target, history)

    async def find(self, ids: Sequence[int], timestamp: int, block: str) -> list[Found]:
        """Reads subscriptions one by one, for repair."""
        calls = [self.coordinator.subscription(subscription_id) for subscription_id in ids]
        subscriptions = await read_all(self.rpc, calls, block)
        for result in subscriptions:
            if isinstance(result, RpcError):
                raise result
        return await self._judge(dict(zip(ids, subscriptions, strict=True)), timestamp, block)

    async def _survives(self, cursor: Cursor) -> bool:
        block = await self.rpc.call("eth_getBlockByNumber", hex(cursor.number), False)
        return Header.from_rpc(block).hash == cursor.hash

    async def _step_after_reorganisation(self, target: int, history: Sequence[Cursor]) -> Step:
        requests = [
            Request("eth_getBlockByNumber", (hex(cursor.number), False)) for cursor in history
        ]
        blocks = await self.rpc.batch(requests)
        for cursor, block in zip(history, blocks, strict=True):
            if isinstance(block, dict) and block.get("hash") == cursor.hash:
                log.warning("Chain reorganised", depth=history[0].number - cursor.number)
                if cursor.number >= target:  # the new chain is still shorter than the old one
                    raise TransportError("the chain is being reorganised")
                step = await self._read(target, cursor)
                return replace(step, rewound_to=cursor.number)
        log.warning("Chain reorganised deeper than is recorded, reading everything anew")
        return replace(await self._read(target, None), rewound_to=-1)

    async def _read_from(self, target: int, since: Cursor) -> Step | None:
        """Reads on from a cursor, ``None`` if its block is no longer in the chain."""
        try:
            return await self._read(target, since)
        except _ReorganisedError:
            return None

    async def _read_next(self, head: Header, since: Cursor) -> Step:
        """Reads the one block after the cursor, which most often says that nothing happened."""
        if not head.may_have_logs_of(self.coordinator.address):
            return Step(Cursor(head.number, head.hash, since.next_id), head.timestamp, [], [])
        return await self._read(head.number, since)

    async def _read(self, target: int, since: Cursor | None) -> Step:
        block = hex(target)
        ranges = _log_ranges(target, since)
        next_id_call = self.coordinator.next_id()
        old, new, next_id_result, *logs = await self.rpc.batch(
            [
                Request("eth_getBlockByNumber", (hex(since.number if since else 0), False)),
                Request("eth_getBlockByNumber", (block, False)),
                next_id_call.request(block),
                *(self._log_request(*bounds) for bounds in ranges),
            ]
        )
        if since and Header.from_rpc(or_raise(old)).hash != since.hash:
            raise _ReorganisedError
        header = Header.from_rpc(or_raise(new))
        # Where the latest block has a Coordinator and this one has none, it came later.
        next_id = if_reverted(answer(next_id_call, next_id_result), _FIRST_ID)
        events = Events.in_logs(await self._all_logs(ranges, logs))
        if any(created >= next_id for created in events.created):
            raise TransportError("logs and state are of different chains")
        first = self.first_id if since is None else max(since.next_id, self.first_id)
        found = await self._snapshot(first, next_id, header.timestamp, block)
        cursor = Cursor(header.number, header.hash, next_id)
        return Step(cursor, header.timestamp, found, events.cancelled, events.settled)

    async def _all_logs(
        self, ranges: Sequence[tuple[int, int]], results: Sequence[Any]
    ) -> list[Any]:
        logs: list[Any] = []
        for (start, end), result in zip(ranges, results, strict=True):
            refused = isinstance(result, RefusedError)
            logs += await self._logs(start, end) if refused else _logs_in(result)
        return logs

    def _log_request(self, start: int, end: int) -> Request:
        wanted = {
            "address": self.coordinator.address,
            "topics": [TOPICS],
            "fromBlock": hex(start),
            "toBlock": hex(end),
        }
        return Request("eth_getLogs", (wanted,))

    async def _logs(self, start: int, end: int) -> list[Any]:
        """Reads a range of logs that the endpoint finds too long, half by half."""
        if start == end:
            request = self._log_request(start, end)
            return _logs_in(await self.rpc.call(request.method, *request.params))
        middle = (start + end) // 2
        logs: list[Any] = []
        for bounds in ((start, middle), (middle + 1, end)):
            (result,) = await self.rpc.batch([self._log_request(*bounds)])
            refused = isinstance(result, RefusedError)
            logs += await self._logs(*bounds) if refused else _logs_in(result)
        return logs

    async def _snapshot(self, first: int, end: int, timestamp: int, block: str) -> list[Found]:
        found: list[Found] = []
        for start in range(first, end, self.batch_size):
            batch = await self._subscriptions(start, min(start + self.batch_size, end), block)
            self._require_existence(batch)
            alive = {
                subscription_id: subscription
                for subscription_id, subscription in batch.items()
                if subscription.exists and not subscription.is_over(timestamp)
            }
            found += await self._judge(alive, timestamp, block)
        return found

    def _require_existence(self, batch: Mapping[int, Subscription]) -> None:
        """Ids below ``Coordinator.id()`` are given out: who does not know one is behind.

        Raises:
            TransportError: another state was read than the one that the id is of; ask again.
        """
        missing = [number for number, subscription in batch.items() if not subscription.exists]
        if not missing:
            self._missing_looks = 0
            return
        self._missing_looks += 1
        if self._missing_looks <= _LOOKS_FOR_MISSING:
            raise TransportError(f"subscription {missing[0]} is given out and cannot be read yet")
        log.error("Subscriptions are given out and not there, skipping them", ids=missing)

    async def _subscriptions(self, start: int, end: int, block: str) -> dict[int, Subscription]:
        """Reads ``start <= id < end``. One that cannot be read does not hide the others."""
        (result,) = await read_all(self.rpc, [self.reader.subscriptions(start, end)], block)
        if not isinstance(result, RpcError):
            return dict(zip(range(start, end), result, strict=True))
        if not isinstance(result, RevertError):
            raise result
        if end - start == 1:
            log.error("Subscription cannot be read, skipping it", id=start, error=str(result))
            return {}
        middle = (start + end) // 2
        return {
            **await self._subscriptions(start, middle, block),
            **await self._subscriptions(middle, end, block),
        }

    async def _judge(
        self, subscriptions: dict[int, Subscription], timestamp: int, block: str
    ) -> list[Found]:
        """Finds out which of them have all their answers; only a last interval can have."""
        last = [
            (subscription_id, subscription.frequency)
            for subscription_id, subscription in subscriptions.items()
            if subscription.is_active(timestamp)
            and subscription.interval(timestamp) == subscription.frequency
        ]
        counts: dict[int, int] = {}
        for start in range(0, len(last), self.batch_size):
            pairs = last[start : start + self.batch_size]
            (result,) = await read_all(self.rpc, [self.reader.redundancy_counts(pairs)], block)
            if isinstance(result, RpcError):
                raise result
            counts.update((pair[0], count) for pair, count in zip(pairs, result, strict=True))
        return [
            Found(
                subscription_id,
                subscription,
                completed=counts.get(subscription_id, -1) >= subscription.redundancy,
            )
            for subscription_id, subscription in subscriptions.items()
        ]


def _logs_in(result: Any) -> list[Any]:
    logs = or_raise(result)
    if not isinstance(logs, list):
        raise TransportError("the endpoint sent malformed logs")
    return logs


def _log_ranges(target: int, since: Cursor | None) -> list[tuple[int, int]]:
    """Blocks after the cursor, in ranges that endpoints usually serve. A snapshot needs none."""
    if since is None:
        return []
    return [
        (start, min(start + _LOG_RANGE - 1, target))
        for start in range(since.number + 1, target + 1, _LOG_RANGE)
    ]
