"""Finished jobs are kept for a while, not for ever."""

import asyncio
import time

import structlog
from sqlalchemy.exc import SQLAlchemyError

from infernet_node.store.jobs import JobStore

_LOG = structlog.get_logger(__name__)
_PAUSE = 60.0


async def delete_old_jobs(store: JobStore, *, retention: float, max_finished: int) -> None:
    """Deletes what is too old or too much, every minute, until cancelled.

    Args:
        retention: seconds that a finished job is kept.
        max_finished: how many are kept at most.
    """
    while True:
        try:
            await delete_once(store, time.time() - retention, max_finished)
        except SQLAlchemyError as error:
            _LOG.error("retention_failed", cause=type(error).__name__)
        await asyncio.sleep(_PAUSE)


async def delete_once(store: JobStore, ended_before: float, max_finished: int) -> int:
    """Deletes all that :meth:`JobStore.delete_old` names, in small transactions."""
    total = 0
    while deleted := await store.delete_old(ended_before=ended_before, keep=max_finished):
        total += deleted
    if total:
        _LOG.info("jobs_deleted", number=total)
    return total
