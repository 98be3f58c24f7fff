"""What became of a delegated subscription, as the chain tells it."""

import asyncio
from typing import NamedTuple

from infernet_client.chain.abis import COORDINATOR_ABI
from infernet_client.chain.rpc import RPC, answered
from infernet_client.chain.transactions import read
from infernet_client.error import RpcError
from infernet_protocol.hashing import delegation_key

POLL = 1.0
"""Seconds between two looks at the chain."""


class Delivery(NamedTuple):
    """An answer that a node delivered."""

    subscription_id: int
    node: str
    """The node's address."""
    tx: str
    """Transaction hash, with ``0x``."""


class Coordinator:
    """The ``EIP712Coordinator`` of a deployment, read only."""

    def __init__(self, address: str, rpc: RPC) -> None:
        """Names the contract; nothing is sent.

        Raises:
            ParameterError: if it is no address.
        """
        self._rpc = rpc
        self._contract = rpc.get_contract(address, COORDINATOR_ABI)

    async def block_number(self) -> int:
        """Returns the number of the latest block."""
        return int(await answered(self._rpc.web3.eth.block_number))

    async def delegated_id(self, owner: str, nonce: int) -> int:
        """Returns the id of the subscription that owner and nonce name, 0 if there is none."""
        key = delegation_key(owner, nonce)
        return int(await read(self._contract.functions.delegateCreatedIds(key)))

    async def wait_for_delivery(
        self, owner: str, nonce: int, from_block: int, deadline: float, poll: float = POLL
    ) -> Delivery:
        """Waits for an answer to the subscription that owner and nonce name.

        An endpoint that has answered once is asked again when it does not any more.

        Args:
            from_block: answers in older blocks do not count.
            deadline: seconds in all.
            poll: seconds between two looks.

        Raises:
            RpcError: if the endpoint does not answer, or no coordinator is there.
            TimeoutError: saying how far it came until the deadline.
        """
        subscription_id, has_answered, trouble = 0, False, ""
        try:
            async with asyncio.timeout(deadline):
                while True:
                    try:
                        subscription_id = await self.delegated_id(owner, nonce)
                        if subscription_id:
                            delivery = await self._first_delivery(subscription_id, from_block)
                            if delivery:
                                return delivery
                        has_answered, trouble = True, ""
                    except RpcError as error:
                        if not has_answered:
                            raise
                        trouble = f" ({error})"
                    await asyncio.sleep(poll)
        except TimeoutError:
            state = (
                f"subscription {subscription_id} is on the chain, but not answered"
                if subscription_id
                else "the subscription is not on the chain"
            )
            raise TimeoutError(f"{state} after {deadline:g} s{trouble}") from None

    async def _first_delivery(self, subscription_id: int, from_block: int) -> Delivery | None:
        logs = await answered(
            self._contract.events.SubscriptionFulfilled().get_logs(
                from_block=from_block, argument_filters={"id": subscription_id}
            )
        )
        for log in logs:
            return Delivery(
                subscription_id, log["args"]["node"], log["transactionHash"].to_0x_hex()
            )
        return None
