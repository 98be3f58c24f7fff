"""Who wants to hear when a job changes."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Changes:
    """Wakes those who follow a job. What changed they read from the store."""

    def __init__(self) -> None:
        self._followers: dict[str, set[asyncio.Event]] = {}
        self.closed = False
        """Whether following is over, because the node stops."""

    def __len__(self) -> int:
        return sum(map(len, self._followers.values()))

    @contextmanager
    def following(self, job_id: str) -> Iterator[asyncio.Event]:
        """Gives an event that is set at each change of the job while the block runs."""
        event = asyncio.Event()
        followers = self._followers.setdefault(job_id, set())
        followers.add(event)
        try:
            yield event
        finally:
            followers.discard(event)
            if not followers:
                self._followers.pop(job_id, None)

    def tell(self, job_id: str) -> None:
        """Wakes the followers of a job."""
        for event in self._followers.get(job_id, ()):
            event.set()

    def close(self) -> None:
        """Wakes everybody for the last time."""
        self.closed = True
        for job_id in self._followers:
            self.tell(job_id)
