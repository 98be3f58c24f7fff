"""What every test can rely on."""

import signal
import sys

import pytest
from hypothesis import HealthCheck, settings

# A run in the background of a shell ignores Ctrl-C, and so would every process that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says how busy the machine is, and nothing about the code.
settings.register_profile(
    "unhurried",
    settings.default,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("unhurried")

# Taken before any test module is imported.
RECURSION_LIMIT = sys.getrecursionlimit()


@pytest.fixture(autouse=True)
def _recursion_limit() -> None:
    """Python's own limit: importing py-evm raises it so far that the C stack ends first."""
    sys.setrecursionlimit(RECURSION_LIMIT)
