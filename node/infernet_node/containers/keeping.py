"""What all have in common who start containers and keep them running."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping

import structlog

from infernet_node.config import ContainerConfig
from infernet_node.containers.calls import ContainerClient
from infernet_node.containers.endpoint import Endpoint

_LOG = structlog.get_logger(__name__)
_ASK_EVERY = 0.1
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 60.0
_STEADY = 60.0
"""Seconds of life after which an end is no sign of trouble."""


class NotRunningError(Exception):
    """A container does not run; the text says why, and is fit for a log."""


class Keeping(ABC):
    """Keeps containers running, each by a task of its own.

    One that ends is started again: after a second, and each time after twice as long, up to a
    minute, until it has lived for a minute.

    Args:
        patience: seconds after which a container that does not answer is worth a warning.
    """

    def __init__(
        self,
        client: ContainerClient,
        containers: Iterable[ContainerConfig],
        endpoints: Mapping[str, Endpoint],
        patience: float,
    ) -> None:
        self._client = client
        self._containers = tuple(containers)
        self._ids = {container.id for container in self._containers}
        self._endpoints = endpoints
        self._patience = patience
        self._up: set[str] = set()

    def is_down(self, container_id: str) -> bool:
        """Whether a container is one of these and does not answer now."""
        return container_id not in self._up and container_id in self._ids

    async def run(self) -> None:
        """Keeps them running until cancelled."""
        async with asyncio.TaskGroup() as group:
            for container in self._containers:
                group.create_task(self._keep(container))

    @abstractmethod
    async def _live(self, container: ContainerConfig) -> str | None:
        """Starts a container and returns when it has ended, with its exit status if that is known.

        Raises:
            NotRunningError: if it could not be started, or ended before it answered.
        """

    async def _until_it_answers(
        self, container: ContainerConfig, is_alive: Callable[[], Awaitable[bool]]
    ) -> None:
        """Returns once jobs can be sent to a container.

        Raises:
            NotRunningError: if it ends before.
        """
        loop = asyncio.get_running_loop()
        warn_at = loop.time() + self._patience
        while not await self._client.answers(self._endpoints[container.id]):
            if not await is_alive():
                raise NotRunningError("it ended before it answered")
            if loop.time() > warn_at:
                _LOG.warning("container_does_not_answer_yet", container=container.id)
                warn_at = loop.time() + _LONGEST_PAUSE
            await asyncio.sleep(_ASK_EVERY)
        self._up.add(container.id)
        _LOG.info("container_running", container=container.id, port=container.port)

    async def _keep(self, container: ContainerConfig) -> None:
        pause = _FIRST_PAUSE
        while True:
            began = asyncio.get_running_loop().time()
            failure: Exception | None = None
            status: str | None = None
            try:
                status = await self._live(container)
            except Exception as error:  # noqa: BLE001 - one's defect must not stop the others
                failure = error
            finally:
                self._up.discard(container.id)
            if asyncio.get_running_loop().time() - began > _STEADY:
                pause = _FIRST_PAUSE
            _tell(container.id, status, failure, pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)


def _tell(container_id: str, status: str | None, failure: Exception | None, pause: float) -> None:
    log = _LOG.bind(container=container_id, restart_in=pause)
    if failure is None:
        log.warning("container_ended", status=status)
    elif isinstance(failure, NotRunningError):
        log.error("container_failed", reason=str(failure))
    else:
        log.error("container_failed", reason=type(failure).__name__, exc_info=failure)
