"""Subscriptions of DelegatedChat's that its signer signed."""

from infernet_protocol.delegation import sign
from infernet_protocol.hashing import container_id
from infernet_protocol.subscription import ZERO_ADDRESS, Subscription
from scripts.delegation import Delegation
from test.node.chain.world import CONTAINER, SIGNER_KEY, Chain
from test.support.anvil import CHAIN_ID

_A_LONG_TIME = 10**9


def signed(chain: Chain, nonce: int, *, period: int = 0, frequency: int = 1) -> Delegation:
    """A subscription that is active at once, with a signature that does not expire."""
    terms = Subscription(
        owner=chain.contracts["DelegatedChat"],
        active_at=chain.anvil.timestamp,
        period=period,
        frequency=frequency,
        redundancy=1,
        container_id=container_id(CONTAINER),
        lazy=False,
        verifier=ZERO_ADDRESS,
        payment_amount=0,
        payment_token=ZERO_ADDRESS,
        wallet=ZERO_ADDRESS,
    )
    signature = sign(
        terms,
        nonce=nonce,
        expiry=chain.anvil.timestamp + _A_LONG_TIME,
        chain_id=CHAIN_ID,
        coordinator=chain.contracts["EIP712Coordinator"],
        private_key=SIGNER_KEY,
    )
    return Delegation(terms, signature)
