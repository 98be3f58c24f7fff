"""A process among others: it shows that it lives, and sees when its jobs are no longer its own."""

import asyncio
from collections.abc import Collection

import structlog
from sqlalchemy.exc import SQLAlchemyError

from infernet_node.fleet.lease import Lease
from infernet_node.jobs import Jobs
from infernet_node.store.claims import Claims

_LOG = structlog.get_logger(__name__)

PREFIX = "replica/"
"""Of the leases by which processes show that they live."""


class Member:
    """Renews the lease of a process.

    Args:
        jobs: what it runs; ``None`` if it runs none.
    """

    def __init__(self, lease: Lease, claims: Claims, jobs: Jobs | None) -> None:
        self.lease = lease
        self._claims = claims
        self._jobs = jobs
        self._doubt = asyncio.Event()

    def doubt(self, ids: Collection[str] | None) -> None:
        """Has it looked soon whether jobs are still to be done here, if any of them is done here.

        Args:
            ids: ``None`` stands for all.
        """
        if self._jobs and (ids is None or not self._jobs.ids.isdisjoint(ids)):
            self._doubt.set()

    async def run(self) -> None:
        """Shows that the process lives until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._beat())
            group.create_task(self._check())

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self.lease.pause)
            await self.lease.attempt()
            self.doubt(None)

    async def _check(self) -> None:
        while True:
            await self._doubt.wait()
            self._doubt.clear()
            try:
                await self._drop_what_is_gone()
            except SQLAlchemyError as error:
                _LOG.warning("claims_not_checked", cause=type(error).__name__)

    async def _drop_what_is_gone(self) -> None:
        """Stops what another process has deleted or taken over."""
        if self._jobs is None or not (here := self._jobs.ids):
            return
        if gone := here - await self._claims.still_mine(here):
            _LOG.info("jobs_gone", number=len(gone))
            self._jobs.drop(gone)
