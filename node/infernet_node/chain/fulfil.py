"""One due interval, from its inputs to its answer on chain.

Each step ends with a commit before the next one begins, so a process that takes the row up
after a crash repeats at most the step that was not recorded.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import structlog

from infernet_node.chain.clock import ChainClock
from infernet_node.chain.compute import (
    Compute,
    ContainerFailedError,
    ContainerRefusedError,
    UnknownContainersError,
)
from infernet_node.chain.contracts import Consumer, Coordinator, answer, read
from infernet_node.chain.decisions import (
    ANSWERED,
    BEFORE_PROOF,
    Action,
    Step,
    decide,
    is_allowed,
)
from infernet_node.chain.delegations import Delegation, Delegations
from infernet_node.chain.escrow import Escrow, EscrowError
from infernet_node.chain.fulfilments import REORGANISED, Fulfilment, Fulfilments
from infernet_node.chain.journal import Entry, Intent, State
from infernet_node.chain.metrics import ChainMetrics
from infernet_node.chain.payments import Payments
from infernet_node.chain.requests import Request
from infernet_node.chain.rpc import Rpc
from infernet_node.chain.rpc_errors import (
    RefusedError,
    RevertError,
    TransportError,
    if_reverted,
    or_raise,
)
from infernet_node.chain.stages import Stage
from infernet_node.chain.time_limits import (
    FIRST_PAUSE,
    deadline,
    is_out_of_time,
    is_over,
    pauses,
)
from infernet_node.chain.transactions import Transactions
from infernet_protocol.output import Delivery

log = structlog.get_logger(__name__)

MAX_REVERTS = 3
"""Transactions that may fail on chain before an interval is given up."""
_REHEARSED = Delivery(b"", bytes(32), b"")


class NotNowError(Exception):
    """An interval cannot be answered at present; the text says why.

    Args:
        pause: seconds after which to look again; by default longer and longer.
    """

    def __init__(self, reason: str, pause: float | None = None) -> None:
        super().__init__(reason)
        self.pause = pause


class Fulfiller:
    """Works on rows until each is in a final stage.

    Args:
        earned: told a row whose paid answer is confirmed.
        drop: told a row whose subscription is not to be served again, and the reason.
        reached: told the name of each point at which a crash would leave a different trace.
    """

    def __init__(
        self,
        *,
        rpc: Rpc,
        coordinator: Coordinator,
        transactions: Transactions,
        fulfilments: Fulfilments,
        delegations: Delegations,
        compute: Compute,
        payments: Payments,
        escrow: Escrow,
        clock: ChainClock,
        max_gas_limit: int,
        allowed_sim_errors: Sequence[str],
        drop: Callable[[Fulfilment, str], Awaitable[None]],
        earned: Callable[[Fulfilment], None],
        metrics: ChainMetrics,
        reached: Callable[[str], None] = lambda point: None,
    ) -> None:
        self._rpc = rpc
        self._coordinator = coordinator
        self._transactions = transactions
        self._fulfilments = fulfilments
        self._delegations = delegations
        self._compute = compute
        self._payments = payments
        self._escrow = escrow
        self._clock = clock
        self._max_gas_limit = max_gas_limit
        self._allowed_sim_errors = allowed_sim_errors
        self._drop = drop
        self._earned = earned
        self._metrics = metrics
        self._reached = reached

    async def fulfil(self, row: Fulfilment) -> Fulfilment:
        """Takes a row to its end, however long that takes.

        Raises:
            RowMovedError: the row was taken away, as after a reorganisation.
        """
        waits = pauses()
        while row.open:
            before = row.stage
            try:
                row = await self._advance(row)
            except NotNowError as obstacle:
                row = await self._put_off(row, obstacle, waits)
            except (TransportError, RefusedError) as error:
                log.warning("Chain request failed", id=row.label, stage=row.stage, error=str(error))
                await asyncio.sleep(next(waits))
            if row.stage is not before:
                waits = pauses()
        return row

    async def _put_off(
        self, row: Fulfilment, obstacle: NotNowError, waits: Iterator[float]
    ) -> Fulfilment:
        reason = str(obstacle)
        if is_out_of_time(row):
            return await self.end(row, Stage.FAILED, reason)
        if row.reason != reason:
            row = await self._fulfilments.move(row, row.stage, reason=reason)
        await asyncio.sleep(obstacle.pause or next(waits))
        return row

    async def _advance(self, row: Fulfilment) -> Fulfilment:
        if row.stage is Stage.SUBMITTED:
            return await self._settle(row)
        if row.stage is Stage.COMPUTED:
            entry = await self._transactions.find(row.reference)
            if entry is not None:
                return await self._submitted(row, entry)  # a crash came between the two records
        if is_over(row, self._clock.now):
            return await self.end(row, Stage.EXPIRED, "its interval is over")
        if self._transactions.trouble:
            raise NotNowError(self._transactions.trouble)
        if row.stage is Stage.COMPUTED:
            return await self._deliver(row)
        if down := self._compute.down(row):
            # To look costs nothing, and they may be back at any moment.
            raise NotNowError(f"not running: {', '.join(down)}", pause=FIRST_PAUSE)
        if row.stage is Stage.DUE:
            return await self._prepare(row)
        return await self._answer(row)

    # Due: may it be answered, and what is asked?

    async def _prepare(self, row: Fulfilment) -> Fulfilment:
        delegation = await self._delegation(row)
        state = self._state_calls(row)
        payment = self._payments.requests(row.subscription)
        data = self._call_data(row, delegation, _REHEARSED)
        results = await self._rpc.shared(
            [call.request("latest") for call in state] + payment + [self._simulation(data)]
        )
        *results, rehearsal = results
        known, paid = results[: len(state)], results[len(state) :]
        reverted = isinstance(rehearsal, RevertError)
        answered = reverted and rehearsal.name in ANSWERED
        shortcoming = self._payments.judge(row.label, row.subscription, paid)
        if shortcoming and not answered:
            log.error(shortcoming.message, wallet=shortcoming.wallet)
            return await self._act(row, shortcoming.action, shortcoming.message)
        if reverted and (rehearsal.name in BEFORE_PROOF or not row.subscription.requires_proof):
            row, refused = await self._refused(row, rehearsal, Step.REHEARSAL)
            if refused:
                return row
        or_raise(if_reverted(rehearsal, None))
        inputs = b"".join(
            if_reverted(answer(call, result), b"")
            for call, result in zip(state, known, strict=True)
        )
        if row.delivery is not None and row.inputs == inputs:
            return await self._fulfilments.move(row, Stage.COMPUTED, reason=None)
        row = await self._fulfilments.asked(row, inputs)
        self._reached("inputs recorded")
        return row

    def _state_calls(self, row: Fulfilment) -> list[Any]:
        if row.subscription_id is None or row.delegation_id is not None:
            return []
        subscription_id, interval, node = row.subscription_id, row.interval, self._node
        consumer = Consumer(row.subscription.owner)
        return [consumer.inputs(subscription_id, interval, self._clock.now, node)]

    # Inputs: what do the containers answer?

    async def _answer(self, row: Fulfilment) -> Fulfilment:
        try:
            delivery = await self._compute.deliverable(row, await self._delegation(row))
        except ContainerFailedError as error:
            log.error("Container execution errored", id=row.label, error=str(error))
            raise NotNowError(str(error)) from error
        except ContainerRefusedError as error:
            log.error("Container execution errored", id=row.label, error=str(error))
            return await self.end(row, Stage.FAILED, str(error))
        except UnknownContainersError:
            return await self.end(row, Stage.IGNORED, "Container-set not supported")
        self._reached("container answered")
        row = await self._fulfilments.move(row, Stage.COMPUTED, delivery=delivery, reason=None)
        self._reached("output recorded")
        return row

    # Computed: does the contract take it?

    async def _deliver(self, row: Fulfilment) -> Fulfilment:
        if is_over(row, self._clock.next):
            return await self.end(row, Stage.EXPIRED, "the next block is in another interval")
        assert row.delivery is not None, "a computed row has a delivery"
        await self._back_proof(row)
        data = self._call_data(row, await self._delegation(row), row.delivery)
        intent = Intent(row.reference, self._coordinator.address, data, deadline=deadline(row))
        try:
            entry = await self._transactions.submit(intent, self._clock.head)
        except RevertError as error:
            if not is_allowed(error, self._allowed_sim_errors):
                row, _ = await self._refused(row, error, Step.DELIVERY)
                return row
            forced = Intent(
                intent.reference, intent.to, data, 0, intent.deadline, self._max_gas_limit
            )
            entry = await self._transactions.submit(forced)
        return await self._submitted(row, entry)

    async def _back_proof(self, row: Fulfilment) -> None:
        amount = row.subscription.payment_amount
        if row.subscription.requires_proof and amount > 0:
            try:
                await self._escrow.ensure(row.subscription.payment_token, amount)
            except (EscrowError, RevertError) as error:
                log.error("No collateral for proofs", id=row.label, error=str(error))
                raise NotNowError(str(error)) from error

    async def _submitted(self, row: Fulfilment, entry: Entry) -> Fulfilment:
        hash_ = entry.signatures[-1].hash if entry.signatures else None
        row = await self._fulfilments.move(
            row, Stage.SUBMITTED, transaction_hash=hash_, reason=None
        )
        log.info("Sent tx", id=row.label, interval=row.interval, tx=hash_)
        self._reached("transaction recorded")
        return row

    # Submitted: what became of the transaction?

    async def _settle(self, row: Fulfilment) -> Fulfilment:
        outcome = self._transactions.outcome(row.reference)
        entry = await self._transactions.find(row.reference)
        if entry is None or not entry.settled:
            entry = await asyncio.shield(outcome)
        else:
            outcome.cancel()
        row = await self._after(row, entry)
        self._reached("answer recorded")
        return row

    async def _after(self, row: Fulfilment, entry: Entry) -> Fulfilment:
        if entry.state is State.FINAL:
            row = await self.end(row, Stage.ANSWERED, transaction_hash=entry.mined_hash)
            self._earned(row)
            return row
        again = {"sends": row.sends + 1}
        log.warning("Did not send tx", id=row.label, state=entry.state, reason=entry.reason)
        if entry.mined_hash is None or entry.state is State.REPLACED:
            return await self._fulfilments.move(row, Stage.COMPUTED, **again)
        reverts = row.reverts + 1
        if reverts < MAX_REVERTS:
            return await self._fulfilments.move(row, Stage.COMPUTED, reverts=reverts, **again)
        log.error("Subscription has exceeded the maximum number of attempts", id=row.label)
        return await self.end(
            row, Stage.FAILED, f"{reverts} transactions reverted on chain", reverts=reverts
        )

    # Refusals

    async def _refused(
        self, row: Fulfilment, error: RevertError, step: Step
    ) -> tuple[Fulfilment, bool]:
        """Acts on a revert in simulation; returns the row, and whether it holds the row up."""
        decision = decide(error, step)
        action = decision.action(is_callback=row.subscription.is_callback)
        if action is Action.GO_ON or (
            step is Step.REHEARSAL and is_allowed(error, self._allowed_sim_errors)
        ):
            return row, False
        write = log.info if decision.level == "info" else log.error
        write(decision.message, id=row.label, interval=row.interval)
        return await self._act(row, action, decision.message), True

    async def _act(self, row: Fulfilment, action: Action, reason: str) -> Fulfilment:
        match action:
            case Action.ANSWERED:
                return await self.end(row, Stage.ANSWERED)
            case Action.ANSWERED_BY_ANOTHER:
                return await self.end(row, await self._answered_by(row))
            case Action.EXPIRED:
                return await self.end(row, Stage.EXPIRED, reason)
            case Action.NEXT_BLOCK:
                await self._clock.next_head()
                return row
            case Action.REREAD:
                return await self._reread(row)
            case Action.FAIL:
                return await self.end(row, Stage.FAILED, reason)
            case Action.DROP:
                await self._drop(row, reason)
                return await self.end(row, Stage.FAILED, reason)
            case Action.CHECK_WALLETS:
                return await self._check_wallets(row, reason)
            case Action.BACK_OFF | Action.GO_ON:
                raise NotNowError(reason)

    async def _answered_by(self, row: Fulfilment) -> Stage:
        """An interval that is complete may be so by an answer of ours that left no record."""
        if row.subscription_id is not None:
            call = self._coordinator.node_responded(row.subscription_id, row.interval, self._node)
            if await read(self._rpc, call):
                return Stage.ANSWERED
        return Stage.ANSWERED_BY_ANOTHER

    async def _reread(self, row: Fulfilment) -> Fulfilment:
        if row.subscription_id is not None:
            now = await read(self._rpc, self._coordinator.subscription(row.subscription_id))
            if not now.exists:
                return await self.end(row, Stage.IGNORED, REORGANISED)
            if now.cancelled:
                return await self.end(row, Stage.IGNORED, "cancelled")
        await self._clock.next_head()
        return row

    async def _check_wallets(self, row: Fulfilment, reason: str) -> Fulfilment:
        results = await self._rpc.batch(self._payments.requests(row.subscription))
        shortcoming = self._payments.judge(row.label, row.subscription, results)
        if shortcoming is None:
            raise NotNowError(reason)
        log.error(shortcoming.message, wallet=shortcoming.wallet)
        return await self._act(row, shortcoming.action, shortcoming.message)

    # Parts

    @property
    def _node(self) -> str:
        return self._transactions.address

    async def end(
        self, row: Fulfilment, stage: Stage, reason: str | None = None, **columns: Any
    ) -> Fulfilment:
        """Moves a row to its named end, and says and counts it."""
        row = await self._fulfilments.move(row, stage, reason=reason, **columns)
        self._metrics.intervals.labels(str(stage)).inc()
        log.info(f"Interval {stage}", id=row.label, interval=row.interval, reason=reason)
        return row

    async def _delegation(self, row: Fulfilment) -> Delegation | None:
        if row.delegation_id is None:
            return None
        return await self._delegations.get(row.delegation_id)

    def _call_data(
        self, row: Fulfilment, delegation: Delegation | None, delivery: Delivery
    ) -> bytes:
        wallet = self._payments.own_wallet
        if delegation is None:
            assert row.subscription_id is not None, "only delegated subscriptions lack an id"
            return self._coordinator.deliver(row.subscription_id, row.interval, delivery, wallet)
        return self._coordinator.deliver_delegated(
            delegation.subscription, delegation.signature, row.interval, delivery, wallet
        )

    def _simulation(self, data: bytes) -> Request:
        call = {
            "from": self._node,
            "to": self._coordinator.address,
            "data": "0x" + data.hex(),
            "gas": hex(self._max_gas_limit),
        }
        return Request("eth_call", (call, "latest"))
