"""What every test can rely on."""

import sys

import pytest

# Taken before any test module is imported.
RECURSION_LIMIT = sys.getrecursionlimit()


@pytest.fixture(autouse=True)
def _recursion_limit() -> None:
    """Python's own limit: importing py-evm raises it so far that the C stack ends first."""
    sys.setrecursionlimit(RECURSION_LIMIT)
