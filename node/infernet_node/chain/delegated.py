"""Judges subscriptions that a client brings, signed, instead of the chain."""

from dataclasses import dataclass
from typing import Any

import structlog

from infernet_node.chain.clock import ChainClock
from infernet_node.chain.contracts import Consumer, Coordinator, answer, read
from infernet_node.chain.delegations import Delegation, Delegations
from infernet_node.chain.lookup import ContainerLookup
from infernet_node.chain.payments import Payments
from infernet_node.chain.rpc import Rpc
from infernet_node.chain.rpc_errors import if_reverted, or_raise
from infernet_node.guardian import COMPLETED, INVALID_PAYMENT, NOT_SUPPORTED, SIGNATURE_EXPIRED
from infernet_node.ports import RejectionError
from infernet_protocol.delegation import Signature, recover
from infernet_protocol.subscription import Subscription

log = structlog.get_logger(__name__)

INVALID_SIGNATURE = "Invalid signature"
SIGNER_MISMATCH = "Subscription signer mismatch"
NONCE_USED = "Nonce already used"


@dataclass(frozen=True, slots=True)
class DelegatedRequests:
    """Accepts signed subscriptions, each owner and nonce once."""

    rpc: Rpc
    coordinator: Coordinator
    chain_id: int
    delegations: Delegations
    lookup: ContainerLookup
    payments: Payments
    clock: ChainClock

    async def accept(
        self, subscription: Subscription, signature: Signature, data: dict[str, Any]
    ) -> tuple[Delegation, bool]:
        """Verifies and records a request. Repeating an accepted one is no error.

        Returns:
            The recorded request, and whether it is new.

        Raises:
            RejectionError: the request does not hold.
            RpcError: the chain could not be asked.
        """
        # The same address in another case is the same owner.
        subscription = Subscription.from_abi(subscription.to_abi())
        self._check_terms(subscription, signature)
        await self._check_chain(subscription, signature)
        row, new = await self.delegations.accept(subscription, signature, data)
        if not new and (row.subscription, row.data) != (subscription, data):
            # The signature does not cover the data, and is public once it is on the chain.
            raise _nonce_used(signature)
        if new:
            log.info(
                "Tracked new delegate subscription", owner=subscription.owner, nonce=signature.nonce
            )
        return row, new

    def _check_terms(self, subscription: Subscription, signature: Signature) -> None:
        now = self.clock.now
        if now >= signature.expiry:
            raise RejectionError(SIGNATURE_EXPIRED, {"expiry": signature.expiry, "chain_time": now})
        if subscription.is_over(now) or not subscription.frequency:
            names = ("active_at", "period", "frequency")
            terms = {name: getattr(subscription, name) for name in names}
            raise RejectionError(COMPLETED, {**terms, "chain_time": now})
        if self.lookup.containers(subscription.container_id) is None:
            hashed = "0x" + subscription.container_id.hex()
            raise RejectionError(NOT_SUPPORTED, {"containers_hash": hashed})

    async def _check_chain(self, subscription: Subscription, signature: Signature) -> None:
        signer = self._signer(subscription, signature)
        owner = Consumer(subscription.owner)
        calls = (
            owner.signer(),
            self.coordinator.delegate_created_id(subscription.owner, signature.nonce),
        )
        results = await self.rpc.batch(
            [call.request("latest") for call in calls] + self.payments.requests(subscription)
        )
        expected = if_reverted(answer(calls[0], results[0]), "")
        if expected != signer:
            raise RejectionError(SIGNER_MISMATCH, {"signer": signer, "owner": subscription.owner})
        created = or_raise(answer(calls[1], results[1]))
        if created:
            await self._check_created(created, subscription, signature)
        label = f"delegated {subscription.owner} nonce {signature.nonce}"
        shortcoming = self.payments.judge(label, subscription, results[2:])
        if shortcoming:
            log.error(shortcoming.message, wallet=shortcoming.wallet)
            raise RejectionError(
                INVALID_PAYMENT, {"reason": shortcoming.message, "wallet": shortcoming.wallet}
            )

    def _signer(self, subscription: Subscription, signature: Signature) -> str:
        try:
            return recover(
                subscription,
                signature,
                chain_id=self.chain_id,
                coordinator=self.coordinator.address,
            )
        except (ValueError, OverflowError) as error:
            raise RejectionError(INVALID_SIGNATURE, {"nonce": signature.nonce}) from error

    async def _check_created(
        self, subscription_id: int, subscription: Subscription, signature: Signature
    ) -> None:
        """The contract does not look at the terms again once the nonce has been used."""
        on_chain = await read(self.rpc, self.coordinator.subscription(subscription_id))
        if on_chain != subscription:
            raise _nonce_used(signature)


def _nonce_used(signature: Signature) -> RejectionError:
    return RejectionError(NONCE_USED, {"nonce": signature.nonce})
