"""Tests of a consumer contract without a node: the real contracts on py-evm, and a node that
does as it is told.

One line in ``conftest.py`` chooses the chain and gives every test the fixture ``infernet``::

    pytest_plugins = ["infernet_testing.eth_tester"]  # or "infernet_testing.ape"

Answer, answer twice, delay and fail, each in a line or two::

    infernet.answer(infernet.last_id, "42")
    assert infernet.refusal(infernet.last_id, "43").name == "IntervalCompleted"
    infernet.wait_for_interval(infernet.last_id, 3)
    assert infernet.deliver(infernet.last_id, b"no answer at all").name == "UnreadableAnswer"

The same for forge is ``contracts/testing/ConsumerTest.sol``.
"""

from infernet_testing.artifacts import ArtifactError
from infernet_testing.infernet import Infernet, RefusedError
from infernet_testing.reverts import Refusal

__all__ = ["ArtifactError", "Infernet", "Refusal", "RefusedError"]
