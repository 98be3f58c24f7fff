"""Whether TGI can be expected to answer."""

import threading

from tgi_service.backend import Backend
from tgi_service.call import Cancellation, Clock
from tgi_service.errors import TgiUnavailableError
from tgi_service.overseer import Overseer

_LASTS = 10.0
"""Seconds for which a good answer of TGI counts."""
_PATIENCE = 5.0
"""Seconds that a health check may take; it is not worth the timeout of a generation."""


class Readiness:
    """Remembers when TGI was last seen healthy, and looks again when that is long ago."""

    def __init__(self, backend: Backend, overseer: Overseer, clock: Clock) -> None:
        self._backend = backend
        self._overseer = overseer
        self._clock = clock
        self._looking = threading.Lock()
        self._seen_healthy: float | None = None

    def check(self) -> None:
        """Asks TGI, unless it was healthy just now.

        Raises:
            InfernetMLException: if TGI is not healthy, or does not answer.
        """
        with self._looking:
            now = self._clock.now()
            if self._seen_healthy is not None and now - self._seen_healthy < _LASTS:
                return
            self._seen_healthy = None
            cancellation = Cancellation(self._clock, _PATIENCE)
            with self._overseer.watching(cancellation):
                if not self._backend.is_healthy(cancellation):
                    raise TgiUnavailableError("the model's server reports that it is not healthy")
            self._seen_healthy = now
