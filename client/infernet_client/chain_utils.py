"""The names that the first generation of this package kept here."""

from infernet_client.chain.rpc import RPC
from infernet_client.chain.subscription import Subscription
from infernet_client.chain.token import ZERO_ADDRESS

__all__ = ["RPC", "ZERO_ADDRESS", "Subscription"]
