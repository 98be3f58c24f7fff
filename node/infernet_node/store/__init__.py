"""Rows are the truth of the node; what it holds in memory is a cache of them."""
