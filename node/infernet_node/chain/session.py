"""The work on one chain, from the first look until the chain is another one."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog
from eth_account.signers.local import LocalAccount

from infernet_node.chain.assignments import Assignments
from infernet_node.chain.clock import ChainClock
from infernet_node.chain.commands import Commands
from infernet_node.chain.compute import Compute
from infernet_node.chain.contracts import Coordinator, Reader, read_all
from infernet_node.chain.cursor import KEPT_BLOCKS, Cursor, CursorHistory
from infernet_node.chain.delegated import DelegatedRequests
from infernet_node.chain.delegations import Delegation, Delegations, Phase
from infernet_node.chain.ends import Ends
from infernet_node.chain.escrow import Escrow
from infernet_node.chain.fees import policy_for
from infernet_node.chain.fulfil import Fulfiller
from infernet_node.chain.fulfilments import Fulfilments
from infernet_node.chain.header import Header
from infernet_node.chain.heads import Heads
from infernet_node.chain.identity import ChainIdentity, genesis_hash
from infernet_node.chain.income import IncomeCounters
from infernet_node.chain.listener import Found, Listener, Step
from infernet_node.chain.lookup import ContainerLookup
from infernet_node.chain.metrics import ChainMetrics
from infernet_node.chain.payments import Payments
from infernet_node.chain.proofs import Proofs
from infernet_node.chain.reorganisation import Reorganisation
from infernet_node.chain.rpc import Rpc
from infernet_node.chain.rpc_errors import RpcError, or_raise
from infernet_node.chain.scheduler import Over, Scheduler
from infernet_node.chain.subscriptions import Subscriptions
from infernet_node.chain.tracker import Tracker
from infernet_node.chain.transactions import Transactions
from infernet_node.chain.verdicts import Verdicts
from infernet_node.guardian import Containers
from infernet_node.store.database import Database
from infernet_protocol.delegation import Signature
from infernet_protocol.subscription import ZERO_ADDRESS, Subscription

log = structlog.get_logger(__name__)

EXPIRED = "expired"
_LONGEST_PAUSE = 30.0


class ChainReplacedError(Exception):
    """The endpoint serves another chain than before, as when a development chain restarts."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How this node works on a chain."""

    known: Containers
    """The configured containers by id."""
    payment_address: str | None
    max_gas_limit: int
    allowed_sim_errors: Sequence[str]
    trail: int
    """Blocks behind the head at which subscriptions are discovered."""
    batch_size: int
    """Subscriptions per call of the Reader."""
    first_id: int
    poll_period: float
    """Seconds between looks at the head."""
    fee_ceiling: int
    """Wei per gas that no transaction pays more than."""
    ws_urls: Sequence[str] = ()
    """Endpoints that tell of new heads."""


class ChainSession:
    """Everything that needs a chain that is known to be there."""

    def __init__(
        self,
        *,
        rpc: Rpc,
        identity: ChainIdentity,
        account: LocalAccount,
        database: Database,
        lookup: ContainerLookup,
        compute: Compute,
        settings: Settings,
        reached: Callable[[str], None],
        metrics: ChainMetrics,
    ) -> None:
        self.trouble: str | None = "reading the chain for the first time"
        """What keeps the work from going on, in a few words."""
        self._metrics = metrics
        self._lookup = lookup
        deployment, contracts = identity.deployment, identity.contracts
        self._rpc = rpc
        self._identity = identity
        self._poll_period = settings.poll_period
        self._heads = Heads(settings.ws_urls, metrics)
        self._coordinator = Coordinator(deployment.coordinator)
        self._clock = ChainClock()
        self._onchain: Scheduler[int] = Scheduler()
        self._delegated: Scheduler[int] = Scheduler()
        self._planned: set[int] = set()
        """Delegated requests that this session knows of."""
        self._history: list[Cursor] = []
        self._resumed = False
        self._cursors = CursorHistory(database, contracts)
        self._subscriptions = Subscriptions(database, contracts)
        self._fulfilments = Fulfilments(database, contracts)
        self._delegations = Delegations(database, contracts)
        payments = Payments(deployment.wallet_factory, settings.payment_address or ZERO_ADDRESS)
        self._transactions = Transactions(
            rpc,
            database,
            account,
            chain_id=identity.chain_id,
            network=identity.network,
            max_gas_limit=settings.max_gas_limit,
            policy=replace(policy_for(identity.chain_id), fee_ceiling=settings.fee_ceiling),
            reached=reached,
            metrics=metrics,
        )
        ends = Ends(self._onchain, self._delegated, self._subscriptions, self._delegations)
        income = IncomeCounters(metrics, lookup.containers)
        fulfiller = Fulfiller(
            rpc=rpc,
            coordinator=self._coordinator,
            transactions=self._transactions,
            fulfilments=self._fulfilments,
            delegations=self._delegations,
            compute=compute,
            payments=payments,
            escrow=Escrow(rpc, self._transactions, payments.own_wallet),
            clock=self._clock,
            max_gas_limit=settings.max_gas_limit,
            allowed_sim_errors=settings.allowed_sim_errors,
            drop=ends.drop,
            earned=income.answered,
            metrics=metrics,
            reached=reached,
        )
        self._verdicts = Verdicts(database, contracts)
        self._proofs = Proofs(rpc, self._coordinator, self._verdicts, self._transactions, income)
        self._assignments = Assignments(fulfiller, self._fulfilments, ends.ended)
        self.commands = Commands(
            rpc,
            self._coordinator,
            self._clock,
            self._transactions,
            self._fulfilments,
            fulfiller,
            self._assignments,
            ends,
        )
        self._listener = Listener(
            rpc,
            self._coordinator,
            Reader(deployment.reader),
            settings.trail,
            settings.batch_size,
            settings.first_id,
        )
        self._tracker = Tracker(
            database,
            self._subscriptions,
            self._cursors,
            lookup,
            settings.known,
            settings.payment_address,
        )
        self._reorganisation = Reorganisation(
            self._subscriptions,
            self._fulfilments,
            self._delegations,
            self._transactions,
            self._assignments.stop,
        )
        self._requests = DelegatedRequests(
            rpc,
            self._coordinator,
            identity.chain_id,
            self._delegations,
            lookup,
            payments,
            self._clock,
        )

    async def accept(
        self, subscription: Subscription, signature: Signature, data: dict[str, Any]
    ) -> None:
        """Takes on a delegated subscription; once it returns the request is stored.

        Raises:
            RejectionError: the request does not hold.
            RpcError: the chain could not be asked.
        """
        if self._clock.head is None:
            self._clock.advance(await self._listener.head())
        row, new = await self._requests.accept(subscription, signature, data)
        if new:
            self._plan(row)
            await self._begin_due(self._clock.now)

    async def adopt(self) -> None:
        """Takes up delegated requests that other processes have accepted.

        Raises:
            SQLAlchemyError: the store is not available.
        """
        if self._clock.head is None:
            return  # Nothing can be due yet; the next call comes after the first look.
        fresh = [row for row in await self._delegations.open() if row.id not in self._planned]
        for row in fresh:
            self._plan(row)
        if fresh:
            await self._begin_due(self._clock.now)

    def _plan(self, row: Delegation) -> None:
        self._planned.add(row.id)
        self._delegated.add(row.id, row.subscription)

    async def run(self) -> None:
        """Works until cancelled.

        Raises:
            RpcError: the chain could not be reached at the start.
            ChainReplacedError: it is another chain now.
        """
        listening = asyncio.create_task(self._heads.run())
        try:
            await self._resume()
            await self._follow()
        finally:
            listening.cancel()
            await asyncio.wait([listening])
            await self._assignments.close()

    async def _resume(self) -> None:
        """Reads what an earlier process left."""
        self._history = await self._cursors.newest_first()
        await self._transactions.start()
        for tracked in await self._subscriptions.tracked():
            self._onchain.add(tracked.id, tracked.subscription)
        for delegation in await self._delegations.open():
            self._plan(delegation)

    async def _follow(self) -> None:
        last, pause = "", self._poll_period
        while True:
            try:
                head = await self._listener.head()
                if head.hash != last:
                    self._heads.found(head.number)
                    await self._look(head)
                    last = head.hash
                self.trouble, pause = None, self._poll_period
            except ChainReplacedError:
                raise
            except RpcError as error:
                self.trouble = f"the chain cannot be reached: {error}"
                log.warning("Chain request failed", error=str(error), retry_in=pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            except Exception as error:  # a mistake of ours must not end the node
                self.trouble = f"internal error: {type(error).__name__}"
                log.exception("Following the chain failed", retry_in=pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            if self.trouble:
                await asyncio.sleep(pause)
            else:
                await self._heads.wait(pause)

    @property
    def status(self) -> str:
        """``"ready"``, or what keeps the work from going on."""
        return self.trouble or self._transactions.trouble or "ready"

    @property
    def head(self) -> int:
        """Number of the last block that was worked on, -1 before the first."""
        return self._clock.head.number if self._clock.head else -1

    # One look per block

    async def _look(self, head: Header) -> None:
        step = await self._listener.step(head, self._history)
        if step is not None:
            await self._apply(step)
        elif self._history and head.number < self._history[-1].number:
            await self._check_chain()
        self._clock.advance(head)
        self._metrics.head.set(head.number)
        self._metrics.tracked.set(len(self._onchain))
        await self._take_up_work()
        await self._begin_due(head.timestamp)
        await self._proofs.look(head)
        await self._transactions.poll(head)

    async def _take_up_work(self) -> None:
        """Goes on with open rows, once it is known that the chain is still the one they are of."""
        if not self._resumed:
            for row in await self._fulfilments.open():
                self._assignments.start(row)
            self._resumed = True

    async def _apply(self, step: Step) -> None:
        removed: list[int] = []
        if step.rewound_to is not None:
            step, removed = await self._rewind(step, step.rewound_to)
        await self._map_delegations(step.found)
        await self._proofs.hear(step.settled, step.cursor.number)
        changes = await self._tracker.apply(step, removed)
        self._history = [step.cursor, *self._history][: KEPT_BLOCKS + 1]
        for subscription_id in changes.untracked:
            self._onchain.remove(subscription_id)
        for tracked in changes.tracked:
            self._onchain.add(tracked.id, tracked.subscription)

    async def _rewind(self, step: Step, to_block: int) -> tuple[Step, list[int]]:
        if to_block < 0:
            await self._check_chain()
        self._history = [cursor for cursor in self._history if cursor.number <= to_block]
        next_id = self._history[0].next_id if self._history else 0
        await self._verdicts.forget_after(to_block)
        doubts = await self._reorganisation.rewind(to_block, next_id)
        for row in doubts.reopened:
            self._assignments.start(row)
        for delegation in await self._delegations.open():
            self._delegated.add(delegation.id, delegation.subscription)
        reread = await self._listener.find(
            doubts.reread, step.timestamp, block=hex(step.cursor.number)
        )
        return replace(step, found=[*reread, *step.found]), doubts.removed

    async def _check_chain(self) -> None:
        if await genesis_hash(self._rpc) != self._identity.genesis:
            raise ChainReplacedError

    async def _map_delegations(self, found: Sequence[Found]) -> None:
        """Recognises new subscriptions that a delegated request of ours created.

        Their present interval is being answered already, and must not be computed twice.
        """
        owners = {item.subscription.owner for item in found}
        waiting = [d for d in await self._delegations.open() if d.subscription.owner in owners]
        calls = [
            self._coordinator.delegate_created_id(d.subscription.owner, d.signature.nonce)
            for d in waiting
        ]
        for delegation, created in zip(waiting, await read_all(self._rpc, calls), strict=True):
            if or_raise(created):
                await self._map(delegation, created)

    async def _map(self, delegation: Delegation, subscription_id: int) -> None:
        for row in await self._fulfilments.of_delegation(delegation.id):
            await self._fulfilments.move(row, row.stage, subscription_id=subscription_id)
        await self._delegations.set_phase(delegation.id, Phase.CREATED, subscription_id)
        self._delegated.remove(delegation.id)
        log.info(
            "Relayed subscription creation",
            id=subscription_id,
            owner=delegation.subscription.owner,
            nonce=delegation.signature.nonce,
        )

    async def _begin_due(self, now: int) -> None:
        due: list[tuple[int, int, Subscription]] = []
        for event in self._onchain.advance(now):
            if isinstance(event, Over):
                log.info("Subscription expired", id=event.key)
                await self._subscriptions.end(event.key, EXPIRED)
            else:
                due.append((event.key, event.interval, event.subscription))
        for row in await self._fulfilments.begin_all(due):
            self._assignments.start(row)
        for delegated in self._delegated.advance(now):
            if isinstance(delegated, Over):
                log.info("Subscription expired", id=f"delegated-{delegated.key}")
                await self._delegations.set_phase(delegated.key, Phase.ENDED)
                continue
            begun = await self._fulfilments.begin_delegated(
                delegated.key, delegated.subscription, delegated.interval
            )
            if begun is not None:
                self._assignments.start(begun)
