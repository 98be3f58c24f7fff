"""Accepting delegated subscriptions in a process that does not work on the chain itself."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog

from infernet_node.admission import NotAcceptingError
from infernet_node.chain.clock import ChainClock
from infernet_node.chain.contracts import Coordinator
from infernet_node.chain.delegated import DelegatedRequests
from infernet_node.chain.delegations import Delegations
from infernet_node.chain.header import Header
from infernet_node.chain.identity import ChainIdentity
from infernet_node.chain.lookup import ContainerLookup
from infernet_node.chain.payments import Payments
from infernet_node.chain.rpc import Rpc
from infernet_node.chain.rpc_errors import RpcError
from infernet_node.config import ChainConfig
from infernet_node.store.database import Database
from infernet_protocol.delegation import Signature
from infernet_protocol.subscription import ZERO_ADDRESS, Subscription

log = structlog.get_logger(__name__)

_SECONDS = 60.0
"""After which it is asked again which chain the endpoint serves."""


@dataclass(slots=True)
class _Connected:
    requests: DelegatedRequests
    until: float


class DelegationIntake:
    """Judges and stores requests; whoever works on the chain finds them in the store.

    Args:
        config: an enabled ``chain`` section; no key is needed.
        lookup: prepared by its owner.
    """

    def __init__(
        self,
        config: ChainConfig,
        rpc: Rpc,
        lookup: ContainerLookup,
        database: Database,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if config.registry_address is None:
            raise ValueError("chain: must be enabled, with a registry")
        wallet = config.wallet
        self._payment_address = (wallet and wallet.payment_address) or ZERO_ADDRESS
        self._registry = config.registry_address
        self._rpc = rpc
        self._lookup = lookup
        self._database = database
        self._clock = clock
        self._connected: _Connected | None = None

    async def accept(
        self, subscription: Subscription, signature: Signature, data: dict[str, Any]
    ) -> None:
        """Takes on a delegated subscription; once it returns the request is stored.

        Raises:
            RejectionError: if signature, signer, nonce or means of payment do not hold.
            NotAcceptingError: the chain cannot be asked now.
        """
        try:
            requests = await self._requests()
            await requests.accept(subscription, signature, data)
        except RpcError as error:
            log.warning("Delegated request could not be checked", error=str(error))
            raise NotAcceptingError("The chain cannot be reached now; try again later") from error

    async def close(self) -> None:
        """Frees connections."""
        await self._rpc.close()

    async def _requests(self) -> DelegatedRequests:
        if self._connected is None or self._clock() > self._connected.until:
            requests = self._of(await ChainIdentity.read(self._rpc, self._registry))
            self._connected = _Connected(requests, self._clock() + _SECONDS)
        requests = self._connected.requests
        # What is judged by chain time is judged by that of now.
        head = await self._rpc.call("eth_getBlockByNumber", "latest", False)
        requests.clock.advance(Header.from_rpc(head))
        return requests

    def _of(self, identity: ChainIdentity) -> DelegatedRequests:
        deployment = identity.deployment
        return DelegatedRequests(
            self._rpc,
            Coordinator(deployment.coordinator),
            identity.chain_id,
            Delegations(self._database, identity.contracts),
            self._lookup,
            Payments(deployment.wallet_factory, self._payment_address),
            ChainClock(),
        )
