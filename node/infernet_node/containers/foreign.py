"""Containers that somebody else runs: whether they can be reached at all."""

import asyncio
from collections.abc import Iterable, Mapping

import structlog

from infernet_node.containers.endpoint import Endpoint

_LOG = structlog.get_logger(__name__)
_CONNECT_SECONDS = 2.0
_IN_VAIN = 3
"""Looks without success after which a container counts as down."""


class ForeignContainers:
    """Looks every now and then whether each container takes connections.

    Only a connection counts: a server that is busy with one long question answers no other, and is
    not down.

    Args:
        period: seconds between two looks.
    """

    def __init__(
        self, endpoints: Mapping[str, Endpoint], ids: Iterable[str], period: float
    ) -> None:
        self._endpoints = {id: endpoints[id] for id in ids}
        self._period = period
        self._down: set[str] = set()

    def is_down(self, container_id: str) -> bool:
        """Whether the last looks at a container were in vain. Before any it is given credit."""
        return container_id in self._down

    async def run(self) -> None:
        """Looks until cancelled."""
        async with asyncio.TaskGroup() as group:
            for endpoint in self._endpoints.values():
                group.create_task(self._watch(endpoint))

    async def close(self) -> None:
        """Leaves them alone."""

    async def _watch(self, endpoint: Endpoint) -> None:
        in_vain = 0
        while True:
            await asyncio.sleep(self._period)
            if await _takes_connections(endpoint):
                in_vain = 0
                if endpoint.id in self._down:
                    self._down.discard(endpoint.id)
                    _LOG.info("container_reachable", container=endpoint.id)
                continue
            in_vain += 1
            if in_vain == _IN_VAIN:
                self._down.add(endpoint.id)
                _LOG.warning("container_unreachable", container=endpoint.id)


async def _takes_connections(endpoint: Endpoint) -> bool:
    tls = endpoint.base.scheme == "https"
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(
                endpoint.base.host, endpoint.base.port, ssl=tls or None
            )
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
