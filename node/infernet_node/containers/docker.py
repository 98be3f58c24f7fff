"""The Docker Engine, as far as a node needs it."""

from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import contextmanager
from ipaddress import ip_network
from typing import Any, Self

import aiodocker
import aiohttp
from aiodocker.containers import DockerContainer
from aiodocker.exceptions import DockerError
from aiodocker.networks import DockerNetwork

from infernet_node.config import DockerConfig
from infernet_node.containers.plan import image_reference

_NOT_FOUND = 404
_TIMEOUT = aiohttp.ClientTimeout(total=30)
_STOP_GRACE = 10


class EngineError(Exception):
    """The Docker Engine refused or could not be reached; the text is fit for a log."""

    code = "docker"


class DockerEngine:
    """One Docker Engine. Every method raises :class:`EngineError` when it does not work."""

    def __init__(self, docker: aiodocker.Docker, credentials: DockerConfig | None) -> None:
        self._docker = docker
        self._credentials = credentials

    @classmethod
    async def connect(cls, credentials: DockerConfig | None) -> Self:
        """Reaches the engine that ``DOCKER_HOST`` names, else the one of this machine."""
        try:
            docker = aiodocker.Docker(timeout=_TIMEOUT)
        except (AssertionError, ValueError):
            raise EngineError("no Docker socket was found, and DOCKER_HOST names none") from None
        try:
            await docker.version()
        except (DockerError, aiohttp.ClientError, OSError, TimeoutError) as error:
            await docker.close()
            raise EngineError(f"the Docker Engine cannot be reached: {error}") from None
        return cls(docker, credentials)

    async def close(self) -> None:
        await self._docker.close()

    async def pull(self, image: str) -> None:
        """Fetches an image; with the configured credentials unless their password is empty."""
        auth: dict[str, str] | None = None
        if self._credentials and (password := self._credentials.password.get_secret_value()):
            auth = {"username": self._credentials.username, "password": password}
        with _engine_errors():
            await self._docker.images.pull(image_reference(image), auth=auth)

    async def has_image(self, image: str) -> bool:
        with _engine_errors():
            try:
                await self._docker.images.inspect(image_reference(image))
            except DockerError as error:
                if error.status == _NOT_FOUND:
                    return False
                raise
        return True

    async def inspect(self, name: str) -> dict[str, Any] | None:
        """Returns what the engine knows of a container, ``None`` if there is none of the name."""
        with _engine_errors():
            try:
                return dict(await self._container(name).show())
            except DockerError as error:
                if error.status == _NOT_FOUND:
                    return None
                raise

    async def create(self, name: str, request: dict[str, Any]) -> None:
        with _engine_errors():
            await self._docker.containers.create(request, name=name)

    async def start(self, name: str) -> None:
        with _engine_errors():
            await self._container(name).start()

    async def until_ended(self, name: str) -> str:
        """Returns a container's exit status when it does not run any more."""
        with _engine_errors():
            ended = await self._container(name).wait(timeout=None)
        return str(ended.get("StatusCode", "unknown"))

    async def output(self, name: str, since: float | None) -> AsyncGenerator[str, None]:
        """Yields what a container prints, in pieces of any size, until it ends.

        Args:
            since: UNIX seconds of the first piece; ``None``: what it prints from now on.
        """
        begin: dict[str, Any] = {"tail": 0} if since is None else {"since": f"{since:.6f}"}
        with _engine_errors():
            log = self._container(name).log(stdout=True, stderr=True, follow=True, **begin)
            async for piece in log:
                yield piece

    async def stop(self, name: str) -> None:
        """Lets a container end by itself within 10 s, and ends it then."""
        with _engine_errors():
            await self._container(name).stop(t=_STOP_GRACE)

    async def remove(self, name: str) -> None:
        with _engine_errors():
            await self._container(name).delete(force=True)

    async def bridge_gateway(self) -> str | None:
        """Returns the host's address in Docker's default network, if there is one."""
        with _engine_errors():
            try:
                shown = await DockerNetwork(self._docker, "bridge").show()  # type: ignore[no-untyped-call]
            except DockerError as error:
                if error.status == _NOT_FOUND:
                    return None
                raise
        pools = shown.get("IPAM", {}).get("Config") or []
        return next((address for pool in pools if (address := _gateway_of(pool))), None)

    def _container(self, name: str) -> DockerContainer:
        return DockerContainer(self._docker, id=name)


def _gateway_of(pool: Mapping[str, str]) -> str | None:
    if gateway := pool.get("Gateway"):
        return gateway
    # An engine that has just made the network does not say, but takes the first address.
    subnet = pool.get("Subnet")
    return str(ip_network(subnet)[1]) if subnet else None


@contextmanager
def _engine_errors() -> Iterator[None]:
    """Turns the many ways in which a call can fail into one."""
    try:
        yield
    except TimeoutError:
        raise EngineError("the Docker Engine does not answer") from None
    except (DockerError, aiohttp.ClientError, OSError, ValueError) as error:
        raise EngineError(str(error)) from None
