"""The node's on-chain half: see every request, answer it exactly once."""
