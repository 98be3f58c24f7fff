"""Transactions of one account: each sent once, whatever crashes, stalls or reorganises.

Usable without the rest of the node::

    lane = Transactions(rpc, database, account, chain_id=31337, network="dev", max_gas_limit=10**6)
    await lane.start()
    await lane.submit(Intent("payroll/2026-11", to=address, value=10**18))
    outcome = lane.outcome("payroll/2026-11")
    while not outcome.done():
        await lane.poll()  # once per block
    print(outcome.result().state)
"""

import asyncio
import time
from collections.abc import Callable

import structlog
from eth_account.signers.local import LocalAccount

from infernet_node.chain.account_view import AccountView
from infernet_node.chain.fees import Policy, policy_for
from infernet_node.chain.gas import estimate_gas
from infernet_node.chain.header import Header
from infernet_node.chain.journal import Entry, Intent, Journal, Signed, State
from infernet_node.chain.lifecycle import (
    Action,
    Cancel,
    Mine,
    Observation,
    Reprice,
    Resend,
    Settle,
    Unmine,
    mined,
    next_action,
    unmined,
)
from infernet_node.chain.metrics import ChainMetrics
from infernet_node.chain.nonce import NonceCounter, gaps
from infernet_node.chain.open_rows import OpenRows
from infernet_node.chain.patience import Patience
from infernet_node.chain.rpc import Rpc
from infernet_node.chain.rpc_errors import RevertError, RpcError
from infernet_node.chain.sending import Verdict, verdict
from infernet_node.chain.signing import Signer
from infernet_node.chain.slots import Slots
from infernet_node.store.cancellation import to_the_end
from infernet_node.store.database import Database

log = structlog.get_logger(__name__)


class Transactions:
    """Sends transactions of one account on one chain, many at a time.

    Args:
        account: signs locally; its key never leaves memory.
        chain_id: EIP-155 chain id.
        network: names the chain in the store; a development chain that is started afresh
            needs a new name, since its nonces start again.
        max_gas_limit: no transaction is given more gas; one that needs it is refused.
        policy: prices, patience and finality; by default those of the chain.
        reached: told the name of each point at which a crash would leave a different trace.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        rpc: Rpc,
        database: Database,
        account: LocalAccount,
        *,
        chain_id: int,
        network: str,
        max_gas_limit: int,
        policy: Policy | None = None,
        reached: Callable[[str], None] = lambda point: None,
        clock: Callable[[], float] = time.monotonic,
        metrics: ChainMetrics | None = None,
    ) -> None:
        self.address: str = account.address
        self.trouble: str | None = None
        """What keeps transactions from being sent, in a few words."""
        self._rpc = rpc
        self._signer = Signer(account, chain_id)
        self._max_gas_limit = max_gas_limit
        self._policy = policy or policy_for(chain_id)
        self._reached = reached
        self._metrics = metrics or ChainMetrics()
        self._journal = Journal(database, f"{network}/{account.address}")
        self._view = AccountView(rpc, account.address, self._policy)
        self._patience = Patience(clock)
        self._nonces = NonceCounter(0)
        self._settled_below = 0
        self._sending: set[int] = set()
        """Rows whose newest form is on its way to an endpoint."""
        self._seen: Observation | None = None
        self._open = OpenRows()
        self._slots = Slots(self._policy.max_in_flight)
        self._polling = asyncio.Lock()
        self._looking = asyncio.Lock()

    async def start(self) -> None:
        """Reads what an earlier process left, however it ended; :meth:`poll` takes it up."""
        self._nonces.raise_to(await self._journal.next_nonce())
        self._settled_below = await self._journal.next_nonce(settled=True)
        for entry in await self._journal.open():
            self._keep(entry)

    async def submit(self, intent: Intent, known: Header | None = None) -> Entry:
        """Simulates, signs, records and sends a transaction, without waiting for others.

        Waits while too many are in flight. Returns the row it is recorded in, which a second
        intent of the same reference returns too.

        Args:
            known: the head up to which the caller has read the chain. Where it is in the chain
                no more, the simulation says nothing about what the caller wants.

        Raises:
            RevertError: the simulation failed; nothing was recorded.
            TransportError, RefusedError: the chain could not be asked, or is another one by
                now. Nothing was sent, and the intent may or may not be recorded: submit it
                again.
        """
        recorded = await self.find(intent.reference)
        if recorded:
            return recorded
        await self._slots.reserve()
        # What is begun is finished, even if the caller is cancelled: rows in memory and in
        # the store must not part.
        return await to_the_end(self._submit(intent, known))

    async def _submit(self, intent: Intent, known: Header | None) -> Entry:
        try:
            await self._latest()
            gas = await self._gas(intent, known)
            entry = await self._journal.prepare(intent, min(gas, self._max_gas_limit))
            if entry.settled or entry.id in self._open:
                return self._open.get(entry.id) or entry
            self._keep(entry)
        finally:
            self._slots.give_back()
        self._reached("transaction prepared")
        await self._sign_first(entry)
        return self._open.get(entry.id) or entry

    def outcome(self, reference: str) -> asyncio.Future[Entry]:
        """Returns a future of the settled row of an intent that is not settled yet."""
        return self._open.outcome(reference)

    async def find(self, reference: str) -> Entry | None:
        """Returns the recorded row of an intent, ``None`` if it never got that far."""
        return self._open.find(reference) or await self._journal.by_reference(reference)

    async def poll(self, known: Header | None = None) -> None:
        """Looks at the chain once and does what each open transaction needs; call it per block.

        Args:
            known: the head up to which the caller has read the chain. Where a reorganisation
                may have happened since, nothing is sent again: it may no longer be wanted.

        Raises:
            RpcError: the chain could not be asked.
        """
        async with self._polling:
            if not self._open and self.trouble is None:
                self._seen = None
                return
            seen = await self._look()
            await self._reopen_unmined(seen)
            in_flight = self._open.in_flight()
            may_send = known is None or known.hash in (seen.head.hash, seen.head.parent_hash)
            tended = await asyncio.gather(
                *(self._tend(entry.id, seen, may_send) for entry in in_flight)
            )
            if not may_send:
                return
            to_send = [entry for entry in tended if entry is not None]
            to_send += await self._fill_gaps(seen)
            await asyncio.gather(*(self._send(entry) for entry in to_send))
            for entry in self._open.prepared():
                await self._take_up_prepared(entry, seen)

    async def recheck(self, from_block: int) -> list[str]:
        """Doubts everything settled in this block or later, after a reorganisation.

        Returns:
            References of the transactions that are open again.
        """
        async with self._polling:
            doubtful = await self._journal.settled_from_block(from_block)
            return [(await self._reopen(entry)).reference for entry in doubtful]

    async def abandon(self, reference: str) -> None:
        """Stops wanting a transaction. If it may still be mined its nonce is used up instead."""
        known = self._open.find(reference)
        if known is None:
            return
        async with self._open.hold(known.id) as entry:
            if entry is not None:
                self._keep(await self._journal.move(entry, entry.state, deadline=0))

    # Signing and sending

    async def _gas(self, intent: Intent, known: Header | None = None) -> int:
        if intent.gas is not None:
            return intent.gas
        return await estimate_gas(self._rpc, self.address, intent, self._max_gas_limit, known)

    async def _sign_first(self, prepared: Entry) -> None:
        seen = await self._latest()
        async with self._open.hold(prepared.id) as entry:
            if entry is None or entry.state is not State.PREPARED:
                return
            with self._nonces.taking() as nonce:
                signed = self._signer.wanted(entry, nonce, seen.quote)
                entry = await self._record(entry, nonce, signed, seen)
        self._reached("transaction signed")
        await self._send(entry)

    async def _record(
        self, entry: Entry, nonce: int, signed: Signed, seen: Observation, reason: str | None = None
    ) -> Entry:
        self._patience.signed(entry.id, seen)
        return self._keep(await self._journal.sign(entry, nonce, signed, reason))

    async def _send(self, entry: Entry) -> None:
        """Sends the newest signed form. What became of it is for the row, not the caller."""
        if entry.id in self._sending:
            return
        self._sending.add(entry.id)
        try:
            await self._hand_over(entry)
        finally:
            self._sending.remove(entry.id)

    async def _hand_over(self, entry: Entry) -> None:
        signed = entry.signatures[-1]
        try:
            await self._rpc.send_raw_transaction(signed.raw)
        except RpcError as error:
            meaning = verdict(error)
            if meaning is not Verdict.KNOWN:
                await self._not_accepted(entry, meaning, str(error))
        else:
            meaning = Verdict.KNOWN
        self._reached("transaction sent")
        if meaning is Verdict.KNOWN:
            async with self._open.hold(entry.id) as current:
                # A newer form may have been signed meanwhile, and has not been sent.
                if current and current.state is State.SIGNED and current.signatures[-1] == signed:
                    self._keep(await self._journal.move(current, State.BROADCAST))

    async def _not_accepted(self, entry: Entry, meaning: Verdict, error: str) -> None:
        log.warning(
            "Send not confirmed",
            reference=entry.reference,
            tx=entry.signatures[-1].hash,
            verdict=meaning.name.lower(),
            error=error,
        )
        if meaning is Verdict.UNDERPRICED:
            self._patience.refused_price(entry.id)
        elif meaning is Verdict.UNFUNDED:
            self.trouble = f"{self.address} cannot pay for gas"
        elif meaning is Verdict.REJECTED:
            await self._give_up(entry, error)

    async def _give_up(self, entry: Entry, reason: str) -> None:
        """Has the nonce of a transaction that no pool takes used up by one that does nothing."""
        seen = await self._latest()
        async with self._open.hold(entry.id) as current:
            if current is None or current.cancelling or current.nonce is None:
                return
            nothing = self._signer.nothing(current.nonce, seen.quote, seen.transfer_gas)
            await self._record(current, current.nonce, nothing, seen, reason[:500])

    # One look per block

    async def _latest(self) -> Observation:
        """Returns the last look, or takes one: one for all that ask at the same time."""
        async with self._looking:
            return self._seen or await self._look()

    async def _look(self) -> Observation:
        signed = [
            (_nonce(entry), signature.hash)
            for entry in self._open.in_flight()
            for signature in entry.signatures
        ]
        seen = await self._view.look(signed)
        self._nonces.raise_to(seen.pending_nonce)
        self._patience.saw(seen)
        self._metrics.balance.set(seen.balance / 10**18)
        self.trouble = None if seen.can_pay else f"{self.address} cannot pay for gas"
        self._seen = seen
        return seen

    async def _tend(self, row_id: int, seen: Observation, may_send: bool) -> Entry | None:
        """Does what one transaction needs; returns it if it has to be sent (again)."""
        async with self._open.hold(row_id) as entry:
            if entry is None:
                return None
            waiting = self._patience.waiting(entry, seen)
            action = next_action(entry, seen, waiting, self._policy)
            if isinstance(action, Reprice | Cancel | Resend) and not may_send:
                return None
            if action is not None:
                entry = await self._apply(entry, action, seen)
        # What left its block is not sent again at once: whoever wanted it may first have to
        # see what else the reorganisation changed.
        return entry if isinstance(action, Reprice | Cancel | Resend) else None

    async def _apply(self, entry: Entry, action: Action, seen: Observation) -> Entry:
        match action:
            case Mine(receipt):
                state, columns = mined(entry, receipt, seen.head, self._policy)
                return self._keep(await self._journal.move(entry, state, **columns))
            case Unmine():
                log.warning("Transaction left its block", reference=entry.reference)
                return await self._reopen(entry)
            case Settle(state, reason):
                return self._keep(await self._journal.move(entry, state, reason=reason))
            case Reprice(fees):
                log.info("Raised fee", reference=entry.reference, max_fee=fees.max_fee)
                nonce = _nonce(entry)
                if entry.cancelling:
                    signed = self._signer.nothing(nonce, fees, seen.transfer_gas)
                else:
                    signed = self._signer.wanted(entry, nonce, fees)
                return await self._record(entry, nonce, signed, seen)
            case Cancel(fees, reason):
                log.info("Cancelling transaction", reference=entry.reference, reason=reason)
                nothing = self._signer.nothing(_nonce(entry), fees, seen.transfer_gas)
                return await self._record(entry, _nonce(entry), nothing, seen, reason)
            case Resend():
                self._patience.resent(entry.id, seen)
                return entry

    async def _take_up_prepared(self, entry: Entry, seen: Observation) -> None:
        """Signs what a crash left unsigned, if it is still wanted and, as far as anybody asks
        that, still works."""
        reason = None
        if entry.deadline is not None and seen.head.timestamp >= entry.deadline:
            reason = "its deadline passed before it was signed"
        elif not entry.gas_given:
            try:
                await self._gas(Intent(entry.reference, entry.to, entry.data, entry.value))
            except RevertError as error:
                reason = error.text[:500]
        if reason is None:
            await self._sign_first(entry)
            return
        async with self._open.hold(entry.id) as current:
            if current is not None and current.state is State.PREPARED:
                self._keep(await self._journal.move(current, State.FAILED, reason=reason))

    async def _reopen_unmined(self, seen: Observation) -> None:
        if seen.next_nonce >= self._settled_below:
            return
        for entry in await self._journal.settled_from_nonce(seen.next_nonce):
            await self._reopen(entry)
        self._settled_below = seen.next_nonce

    async def _reopen(self, entry: Entry) -> Entry:
        return self._keep(await self._journal.move(entry, State.BROADCAST, **unmined(entry)))

    async def _fill_gaps(self, seen: Observation) -> list[Entry]:
        nonces = {_nonce(entry) for entry in self._open.in_flight()} | self._nonces.taken
        filled = []
        for nonce in gaps(seen.next_nonce, seen.pending_nonce, nonces):
            log.warning("Filling a gap in the nonces", nonce=nonce)
            nothing = self._signer.nothing(nonce, seen.quote, seen.transfer_gas)
            entry = await self._journal.fill(nonce, self.address, seen.transfer_gas, nothing)
            filled.append(self._keep(entry))
        return filled

    # Rows in memory

    def _keep(self, entry: Entry) -> Entry:
        """Remembers a row as the store has it now."""
        if entry.settled or entry.state is State.MINED:
            self._slots.free(entry.id)  # the pool no longer holds it
        else:
            self._slots.hold(entry.id)
        self._open.keep(entry)
        self._metrics.in_flight.set(self._open.count_in_flight)
        if entry.settled:
            self._metrics.transactions.labels(str(entry.state)).inc()
            self._patience.forget(entry.id)
            if entry.nonce is not None:
                self._settled_below = max(self._settled_below, entry.nonce + 1)
        return entry


def _nonce(entry: Entry) -> int:
    assert entry.nonce is not None, "a signed transaction has a nonce"
    return entry.nonce
