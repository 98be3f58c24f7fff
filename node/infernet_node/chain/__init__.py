"""The node's on-chain half: see every request, answer it exactly once."""

from infernet_node.chain.service import ChainService

__all__ = ["ChainService"]
