"""Who wants to hear when a job changes."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager


class Changes:
    """Wakes those who follow a job. What changed they read from the store."""

    def __init__(self) -> None:
        self._followers: dict[str, set[asyncio.Event]] = {}
        self.closed = False
        """Whether following is over, because the node stops."""
        self.spread: Callable[[str], None] = lambda job_id: None
        """Told of each change that happened here, for those who follow elsewhere."""

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
        """Wakes the followers of a job that was changed by this process."""
        self.wake(job_id)
        self.spread(job_id)

    def wake(self, job_id: str) -> None:
        """Wakes the followers of a job, whoever changed it."""
        for event in self._followers.get(job_id, ()):
            event.set()

    def close(self) -> None:
        """Wakes everybody for the last time."""
        self.closed = True
        self.wake_all()

    def hear(self, job_ids: Iterable[str] | None) -> None:
        """Wakes followers of jobs that others have changed; ``None`` stands for any."""
        if job_ids is None:
            self.wake_all()
        for job_id in job_ids or ():
            self.wake(job_id)

    def wake_all(self) -> None:
        """Wakes everybody: any job may have changed."""
        for job_id in self._followers:
            self.wake(job_id)
