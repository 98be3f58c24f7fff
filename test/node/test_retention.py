"""Old jobs go for as long as the node runs."""

from pathlib import Path
from typing import Any

import pytest

from infernet_node import supervision
from infernet_node.store.jobs import JobStore
from test.support.node import running_node
from test.support.waiting import until


async def test_a_defect_does_not_end_the_deletion_of_old_jobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0

    async def delete_old(_store: JobStore, **_limits: Any) -> int:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise RuntimeError("a defect")
        return 0

    monkeypatch.setattr(JobStore, "delete_old", delete_old)
    monkeypatch.setattr(supervision, "_FIRST_PAUSE", 0.01)
    async with running_node({}, tmp_path):
        await until(lambda: calls == 2, seconds=10)
