"""How fast and how cheaply the node's on-chain half works, with real processes."""
