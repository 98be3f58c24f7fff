"""The stack of the end-to-end tests, for commands that need a chain with contracts."""

from test.e2e.conftest import coordinator, requester, stack, tgi, tgi_server

__all__ = ["coordinator", "requester", "stack", "tgi", "tgi_server"]
