"""The transaction library alone against a chain in memory, with everything that can go wrong.

The process is killed and started again from its journal between any two steps that leave a
trace, the pool forgets, prices jump, blocks are reorganised, answers get lost, and somebody
else uses the key. `LANE_EXAMPLES=2000 LANE_STEPS=60` in the environment look deeper.
"""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from enum import Enum, auto
from itertools import count
from typing import Any

from eth_account import Account
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import StaticPool

from infernet_node.chain.fees import LOCAL
from infernet_node.chain.journal import Entry, Intent, Journal, State
from infernet_node.chain.rpc_errors import RpcError
from infernet_node.chain.transactions import Transactions
from infernet_node.metrics import Metrics
from infernet_node.store.database import Database
from infernet_node.store.group_commit import GroupCommit
from infernet_node.store.migrations import migrate
from test.node.chain.model_chain import (
    GWEI,
    REVERTS_AT_ONCE,
    REVERTS_ON_CHAIN,
    TRANSFER_GAS,
    Crash,
    ModelChain,
    ModelRpc,
    Payload,
    Process,
    Sent,
    Trouble,
)
from test.support.anvil import KEYS

EXAMPLES = int(os.environ.get("LANE_EXAMPLES", "15"))
STEPS = int(os.environ.get("LANE_STEPS", "25"))

ACCOUNT = Account.from_key(KEYS[1])
RECIPIENT = "0x" + "42" * 20
POLICY = replace(LOCAL, max_in_flight=3, max_signatures=4, fee_ceiling=200 * GWEI)
UNMINED = (State.PREPARED, State.SIGNED, State.BROADCAST)
NAMES = count()
"""Every example has a network of its own in one database."""


class Mishap(Enum):
    """What happens to an account now and then."""

    POOL_FORGETS = auto()
    KEY_USED_ELSEWHERE = auto()
    KEY_USED_BUT_NOT_MINED = auto()
    MONEY_GONE = auto()
    MONEY_BACK = auto()


class SteppingCommit(GroupCommit):
    """Shared commits of one process, which may die before and after each."""

    def __init__(self, database: Database, process: Process) -> None:
        super().__init__(database.in_transaction, Metrics())
        self._process = process

    async def write(self, operation: Any, row: Any) -> Any:
        with working(self._process):
            return await super().write(operation, row)


class SteppingDatabase(Database):
    """The database as one process sees it."""

    def __init__(self, database: Database, process: Process) -> None:
        self._shared_by_all = database
        self._process = process
        self.shared = SteppingCommit(database, process)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        with working(self._process):
            async with self._shared_by_all.transaction() as connection:
                yield connection


@contextmanager
def working(process: Process) -> Iterator[None]:
    process.step()
    process.busy += 1
    try:
        yield
    finally:
        process.busy -= 1
    process.step()


async def open_database() -> Database:
    engine = create_async_engine("sqlite+aiosqlite:///:memory:", poolclass=StaticPool)
    async with engine.begin() as connection:
        await connection.run_sync(migrate)
    return Database(engine, Metrics())


class LaneMachine(RuleBasedStateMachine):
    """Every public operation of the library and every event of the chain, in any order."""

    runner: asyncio.Runner
    database: Database

    def __init__(self) -> None:
        super().__init__()
        self.network = f"model-{next(NAMES)}"
        self.journal = Journal(self.database, f"{self.network}/{ACCOUNT.address}")
        self.time = 0.0
        self.numbers = count(1)
        self.intents: dict[str, Intent] = {}
        self.submits: set[asyncio.Task[Any]] = set()
        self.seen: dict[str, Entry] = {}

    @initialize(has_base_fee=st.booleans(), confirmations=st.integers(1, 3))
    def begin(self, has_base_fee: bool, confirmations: int) -> None:
        self.chain = ModelChain(has_base_fee=has_base_fee)
        self.policy = replace(POLICY, confirmations=confirmations)
        self.start()
        self.submit(b"", None, None, several=2)

    # The library's own operations

    def start(self) -> None:
        """A new process reads the journal of the one before."""
        self.process = Process()
        self.lane = Transactions(
            ModelRpc(self.chain, self.process),
            SteppingDatabase(self.database, self.process),
            ACCOUNT,
            chain_id=31337,
            network=self.network,
            max_gas_limit=1_000_000,
            policy=self.policy,
            reached=self.process.step,
            clock=lambda: self.time,
        )
        self.do(self.lane.start())

    @rule(
        data=st.sampled_from([b"", b"", b"", REVERTS_ON_CHAIN, REVERTS_AT_ONCE]),
        gas=st.sampled_from([None, None, None, TRANSFER_GAS, 1_000]),
        patience=st.sampled_from([None, None, 5, 30]),
        several=st.integers(1, 3),
    )
    def submit(self, data: bytes, gas: int | None, patience: int | None, several: int) -> None:
        for _ in range(several):
            number = next(self.numbers)
            deadline = None if patience is None else self.chain.timestamp + patience
            intent = Intent(f"intent {number}", RECIPIENT, data, number, deadline, gas)
            self.intents[intent.reference] = intent
            self.submit_in_background(intent)

    @precondition(lambda self: self.intents)
    @rule(choice=st.integers(0, 100), again=st.booleans())
    def change_ones_mind(self, choice: int, again: bool) -> None:
        intent = list(self.intents.values())[choice % len(self.intents)]
        if again:
            self.submit_in_background(intent)
        else:
            self.do(self.lane.abandon(intent.reference))

    def submit_in_background(self, intent: Intent) -> None:
        """Waits for a slot if need be, as a caller does, while the chain goes on."""

        async def begin() -> None:
            self.submits.add(asyncio.create_task(self.lane.submit(intent)))
            await self.rest()

        self.do(begin())

    @rule()
    def poll(self) -> None:
        self.do(self.lane.poll())

    @rule(steps=st.integers(0, 15))
    def die_soon(self, steps: int) -> None:
        """After some more steps of whatever comes next; without any, at once."""
        self.process.steps_to_live = steps
        if steps == 0:
            self.process.alive = False
            self.do(self.rest())

    # What happens on the chain

    @rule(several=st.integers(1, 3), blocks=st.integers(1, 4))
    def go_on(self, several: int, blocks: int) -> None:
        """Life as usual: new intents, and blocks with room for them that are looked at."""
        self.submit(b"", None, None, several)
        self.mine(blocks, limit=100, looks=True)

    @rule(several=st.integers(0, 2), gwei=st.sampled_from([3, 40, 500]), blocks=st.integers(1, 9))
    def price_peaks(self, several: int, gwei: int, blocks: int) -> None:
        """New intents, a price that leaves them behind, and one that takes them up again."""
        self.submit(b"", None, None, several)
        self.chain.base_fee = gwei * GWEI
        self.mine(blocks, limit=100, looks=True)
        self.chain.base_fee = GWEI

    @rule(blocks=st.integers(1, 4), limit=st.integers(0, 2), looks=st.booleans())
    def mine(self, blocks: int, limit: int, looks: bool) -> None:
        for _ in range(blocks):
            self.chain.mine(limit)
            self.time += 2
            if looks:
                self.poll()

    @rule(trouble=st.sampled_from(Trouble), requests=st.integers(1, 6))
    def trouble_endpoint(self, trouble: Trouble, requests: int) -> None:
        self.chain.trouble, self.chain.trouble_lasts = trouble, requests

    @rule(mishap=st.sampled_from(Mishap))
    def suffer(self, mishap: Mishap) -> None:
        match mishap:
            case Mishap.POOL_FORGETS:
                self.chain.drop_pool()
            case Mishap.KEY_USED_ELSEWHERE:
                self.chain.send_elsewhere(mine=True)
            case Mishap.KEY_USED_BUT_NOT_MINED:
                self.chain.send_elsewhere(mine=False)
            case Mishap.MONEY_GONE:
                self.chain.balance = 0
            case Mishap.MONEY_BACK:
                self.chain.balance = 10**20

    @rule(
        depth=st.integers(1, 4),
        pool_keeps=st.booleans(),
        longer_by=st.integers(0, 1),
        told=st.booleans(),
    )
    def reorganise(self, depth: int, pool_keeps: bool, longer_by: int, told: bool) -> None:
        first = self.chain.reorganise(depth, pool_keeps=pool_keeps, longer_by=longer_by)
        if told:
            self.do(self.lane.recheck(first))

    # What must hold

    @invariant()
    def everything_that_always_holds(self) -> None:
        rows = self.rows()
        self.check_prices(rows)
        self.check_effects()
        self.check_nonces(rows)
        self.check_slots(rows)
        self.seen = {row.reference: row for row in rows}

    def check_prices(self, rows: Sequence[Entry]) -> None:
        """No price is above its caps."""
        for row in rows:
            for signed in row.signatures:
                assert signed.fees.max_fee <= self.policy.fee_ceiling
                assert (signed.fees.tip or 0) <= signed.fees.max_fee
                if not signed.cancels:
                    first = row.signatures[0].fees.max_fee
                    assert signed.fees.max_fee <= first * self.policy.escalation

    def check_effects(self) -> None:
        """No intent takes effect twice, in whatever form."""
        effects = Counter(sent.payload for sent in self.chain.mined() if not sent.foreign)
        for intent in self.intents.values():
            assert effects[payload(intent)] <= 1, f"{intent.reference} was mined twice"

    def check_nonces(self, rows: Sequence[Entry]) -> None:
        """A new nonce is above all that were ever signed, and stays with its row."""
        highest = max(
            (row.nonce for row in self.seen.values() if row.nonce is not None), default=-1
        )
        for row in rows:
            before = self.seen.get(row.reference)
            if before is not None and before.nonce is not None:
                assert row.nonce == before.nonce
            elif row.nonce is not None and not is_fill(row):
                assert row.nonce > highest, "a nonce was lowered"

    def check_slots(self, rows: Sequence[Entry]) -> None:
        """What is new has waited for room."""
        if any(row.reference not in self.seen for row in rows if not is_fill(row)):
            assert sum(row.state in UNMINED for row in rows) <= self.policy.max_in_flight

    def teardown(self) -> None:
        """When all trouble is over, every intent that was recorded has an end that is true."""
        self.heal()
        for _ in range(60):
            self.poll()
            self.chain.mine()
            self.time += 2
            if not self.submits and all(row.settled for row in self.rows()):
                break
        assert not self.submits, "a caller waits for ever"
        self.check_effects()
        mined = {sent.payload: sent for sent in self.chain.mined() if not sent.foreign}
        for row in self.rows():
            assert row.settled, f"{row.reference} is {row.state} for ever"
            if not is_fill(row):
                self.check_end(row, mined.get(payload(self.intents[row.reference])))

    def heal(self) -> None:
        self.chain.trouble = None
        self.chain.base_fee = GWEI
        self.chain.balance = 10**20
        self.process.steps_to_live = None
        # The caller tells of reorganisations; the last one may not have been told.
        self.do(self.lane.recheck(0))

    def check_end(self, row: Entry, mined: Sent | None) -> None:
        """What the journal says of an end is what the chain shows."""
        assert row.reason or row.state is State.FINAL
        match row.state:
            case State.FINAL:
                assert mined is not None
                assert not mined.payload.reverts
            case State.FAILED:
                assert mined is None or mined.payload.reverts
            case State.REPLACED:
                assert mined is None, f"{row.reference} took effect and is said not to have"

    # Running it

    def rows(self) -> list[Entry]:
        return self.runner.run(self.read_rows())

    async def read_rows(self) -> list[Entry]:
        rows = [*await self.journal.open(), *await self.journal.settled_from_nonce(0)]
        for reference in self.intents.keys() - {row.reference for row in rows}:
            row = await self.journal.by_reference(reference)
            rows += [row] if row else []  # given up before it had a nonce, or never recorded
        return rows

    def do(self, work: Coroutine[Any, Any, Any]) -> None:
        """Lets the process work; what a dead one has begun is never gone on with."""
        self.runner.run(self.attempt(work))
        if not self.process.alive:
            self.start()

    async def attempt(self, work: Coroutine[Any, Any, Any]) -> None:
        try:
            await work
        except RpcError:
            pass  # chain trouble is the caller's to try again
        except Crash:
            assert not self.process.alive
        await self.rest()
        if not self.process.alive:
            for task in self.submits:
                task.cancel()
            await self.rest()
        done = {task for task in self.submits if task.done()}
        self.submits -= done
        for task in done:
            error = None if task.cancelled() else task.exception()
            assert error is None or isinstance(error, RpcError | Crash), error

    async def rest(self) -> None:
        """Returns once nothing moves any more."""
        still = 0
        while still < 20:
            await asyncio.sleep(0)
            still = 0 if self.process.busy else still + 1


def is_fill(row: Entry) -> bool:
    """Whether nobody asked for it: it fills a gap in the nonces."""
    return row.reference.startswith("fill")


def payload(intent: Intent) -> Payload:
    return Payload(intent.to, intent.value, intent.data)


def test_every_intent_takes_effect_at_most_once_and_ends_as_it_is_said_to() -> None:
    with asyncio.Runner() as runner:
        LaneMachine.runner = runner
        LaneMachine.database = runner.run(open_database())
        machine = LaneMachine.TestCase
        machine.settings = settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        machine("runTest").runTest()
        runner.run(LaneMachine.database.close())
