"""Holding a lease: renewing it in time, and knowing when it can no longer be relied on."""

import asyncio
import time
from collections.abc import Callable, Collection

import structlog
from sqlalchemy.exc import SQLAlchemyError

from infernet_node.store.leases import Leases

_LOG = structlog.get_logger(__name__)
_RENEWALS = 3
"""Attempts to renew within the time of a lease."""
_MARGIN = 0.2
"""Part of the time at whose beginning a holder that could not renew stops."""


def steady_clock() -> float:
    """Returns seconds that also pass while the machine is asleep, where the system counts them."""
    return time.clock_gettime(_CLOCK) if _CLOCK is not None else time.monotonic()


_CLOCK: int | None = getattr(time, "CLOCK_BOOTTIME", None)


class Lease:
    """A lease as its holder sees it.

    Its end by the database's clock is counted from the moment that the database writes it, ours
    from the moment before we ask for that. So ours is the earlier one, by a margin on top.

    Args:
        name: what is held.
        holder: by whom.
        seconds: without renewal.
        clock: seconds that never stand still.
        offers: says for which containers the holder takes jobs now.
    """

    def __init__(
        self,
        leases: Leases,
        name: str,
        holder: str,
        seconds: float,
        clock: Callable[[], float] = steady_clock,
        offers: Callable[[], Collection[str] | None] = lambda: None,
    ) -> None:
        self.name = name
        self.seconds = seconds
        self._leases = leases
        self._holder = holder
        self._clock = clock
        self._offers = offers
        self._until = self._since = clock()

    @property
    def held(self) -> bool:
        """Whether nobody else can have it now, nor within the margin."""
        return self._clock() < self._until

    @property
    def held_for(self) -> float:
        """Seconds since when it was held without a gap, 0 if it is not."""
        return self._clock() - self._since if self.held else 0.0

    @property
    def pause(self) -> float:
        """Seconds between two attempts."""
        return self.seconds / _RENEWALS

    async def attempt(self) -> bool:
        """Takes or prolongs the lease; ``False`` if another holds it or the store is in trouble."""
        asked, had = self._clock(), self.held
        try:
            taken = await self._leases.take(self.name, self._holder, self.seconds, self._offers())
        except SQLAlchemyError as error:
            _LOG.warning("lease_not_renewed", lease=self.name, cause=type(error).__name__)
            return False
        if not taken:
            self._until = asked
        else:
            self._since = self._since if had else asked
            self._until = asked + self.seconds * (1 - _MARGIN)
        return taken

    async def keep(self) -> None:
        """Renews the lease until it can no longer be relied on."""
        while self.held:
            await asyncio.sleep(min(self.pause, self._left))
            renewal = asyncio.create_task(self.attempt())
            # A database that does not answer must not keep us from noticing the end.
            await asyncio.wait([renewal], timeout=self._left)
            renewal.cancel()

    @property
    def _left(self) -> float:
        return max(self._until - self._clock(), 0.0)

    async def release(self) -> None:
        """Gives it back, so that nobody has to wait for its end."""
        self._until = self._clock()
        try:
            await self._leases.release(self.name, self._holder)
        except SQLAlchemyError as error:
            _LOG.warning("lease_not_released", lease=self.name, cause=type(error).__name__)
