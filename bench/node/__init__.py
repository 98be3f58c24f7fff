"""Speed and size of the node's off-chain half, as whole processes on one machine."""
