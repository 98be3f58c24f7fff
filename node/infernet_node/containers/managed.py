"""Containers that the node starts, watches, starts again, and stops when it stops."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import structlog

from infernet_node.config import ContainerConfig
from infernet_node.containers.calls import ContainerClient
from infernet_node.containers.docker import DockerEngine, EngineError
from infernet_node.containers.endpoint import Endpoint
from infernet_node.containers.keeping import Keeping, NotRunningError
from infernet_node.containers.output import OutputCopier, seconds_of
from infernet_node.containers.plan import SETTINGS_LABEL, creation_request, published_ports

_LOG = structlog.get_logger(__name__)


class ManagedContainers(Keeping):
    """Keeps containers of Docker running.

    Args:
        publish_on: address of the host on which their ports are opened.
        patience: as for :class:`Keeping`.
        copies_output: whether what they print goes into the node's log.
    """

    def __init__(
        self,
        engine: DockerEngine,
        client: ContainerClient,
        containers: Iterable[ContainerConfig],
        endpoints: Mapping[str, Endpoint],
        *,
        publish_on: str,
        patience: float,
        copies_output: bool = True,
    ) -> None:
        super().__init__(client, containers, endpoints, patience)
        self._engine = engine
        self._publish_on = publish_on
        self._started: set[str] = set()
        self._copier = OutputCopier(engine) if copies_output else None
        self._began: dict[str, str] = {}
        """When each was started last, in the words of the engine."""

    async def close(self) -> None:
        """Stops all of them at the same time, within seconds. They are not removed."""
        await asyncio.gather(*(self._stop(container_id) for container_id in self._started))

    async def _live(self, container: ContainerConfig) -> str | None:
        try:
            await self._start(container)
            async with self._copied_output(container.id):
                await self._until_it_answers(container, partial(self._is_running, container))
                return await self._engine.until_ended(container.id)
        except EngineError as error:
            raise NotRunningError(str(error)) from None

    async def _start(self, container: ContainerConfig) -> None:
        """Brings the container up as configured, reusing one that already is."""
        request = creation_request(container, self._publish_on)
        existing = await self._engine.inspect(container.id)
        if existing and existing["State"]["Running"]:
            # What it printed before we came is not repeated.
            self._began.setdefault(container.id, existing["State"]["StartedAt"])
        if existing and await self._reusable(container, existing, request):
            if not existing["State"]["Running"]:
                await self._engine.start(container.id)
            self._started.add(container.id)
            return
        await self._fetch(container)
        if existing:
            await self._engine.remove(container.id)
        await self._engine.create(container.id, request)
        self._started.add(container.id)
        await self._engine.start(container.id)
        _LOG.info("container_started", container=container.id, port=container.port)

    async def _reusable(
        self, container: ContainerConfig, existing: dict[str, Any], request: dict[str, Any]
    ) -> bool:
        labels = existing.get("Config", {}).get("Labels") or {}
        if SETTINGS_LABEL in labels:
            return bool(labels[SETTINGS_LABEL] == request["Labels"][SETTINGS_LABEL])
        if container.port not in published_ports(existing):
            raise NotRunningError(
                f"a container named {container.id} exists, was not made by this node, and does "
                f"not open its port 3000 as {container.port}; remove it or rename one of the two"
            )
        _LOG.warning("container_reused_as_it_is", container=container.id)
        return True

    async def _fetch(self, container: ContainerConfig) -> None:
        try:
            await self._engine.pull(container.image)
        except EngineError as error:
            if not await self._engine.has_image(container.image):
                raise
            _LOG.warning("local_image_used", image=container.image, pull_error=str(error))

    async def _is_running(self, container: ContainerConfig) -> bool:
        inspected = await self._engine.inspect(container.id)
        return bool(inspected and inspected["State"]["Running"])

    @asynccontextmanager
    async def _copied_output(self, container_id: str) -> AsyncIterator[None]:
        if self._copier is None:
            yield
            return
        async with self._copier.copying(container_id, await self._unread_since(container_id)):
            yield

    async def _unread_since(self, container_id: str) -> float | None:
        """Returns when a container's earlier run ended, ``None`` if this run was begun to be read.

        The start would be too late: what it prints at once is older than that by the engine's
        clock.
        """
        inspected = await self._engine.inspect(container_id)
        if inspected is None or inspected["State"]["StartedAt"] == self._began.get(container_id):
            return None
        self._began[container_id] = inspected["State"]["StartedAt"]
        return seconds_of(inspected["State"]["FinishedAt"])

    async def _stop(self, container_id: str) -> None:
        try:
            await self._engine.stop(container_id)
        except EngineError as error:
            _LOG.warning("container_not_stopped", container=container_id, reason=str(error))
