"""A client of a router: which nodes of a network run which containers."""

# ruff: noqa: ASYNC109 - every method takes ``timeout``: the interface is a published one.

from collections.abc import Mapping, Sequence
from typing import cast

from infernet_client.shapes import is_object, is_text, list_of, object_with
from infernet_client.transport import HttpClient
from infernet_client.types import ModelSupport, NetworkContainer, Resources

ROUTER_URL = "http://infernet-router.ritual.net"
_LIMIT = 3.0
_CONTAINERS = list_of(object_with("id", "count", "description"))


class RouterClient(HttpClient):
    """A router. Every call has 3 seconds unless ``timeout`` says otherwise.

    Every method may raise :class:`~infernet_client.error.APIError` for a refusal,
    ``TimeoutError``, and ``aiohttp.ClientError`` when the router cannot be reached.
    """

    def __init__(
        self,
        base_url: str = ROUTER_URL,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        retries: int = 0,
        proxy: str | None = None,
    ) -> None:
        super().__init__(base_url, headers=headers, timeout=timeout, retries=retries, proxy=proxy)

    async def get_nodes_by_container_ids(
        self,
        container_ids: Sequence[str],
        n: int = 3,
        offset: int = 0,
        timeout: float | None = None,
    ) -> list[str]:
        """Returns nodes that run all of some containers, as ``host:port``.

        Args:
            n: at most so many.
            offset: skip so many.
        """
        query = [("container", container) for container in container_ids]
        query += [("n", str(n)), ("offset", str(offset))]
        answer = await self._get("/api/v1/ips", query, limit=self._limit(timeout, _LIMIT))
        return cast(list[str], answer.value(list_of(is_text)))

    async def get_containers(self, timeout: float | None = None) -> list[NetworkContainer]:
        """Returns the containers of the network and how many nodes run each."""
        answer = await self._get("/api/v1/containers", limit=self._limit(timeout, _LIMIT))
        return cast(list[NetworkContainer], answer.value(_CONTAINERS))

    async def get_resources(self, timeout: float | None = None) -> dict[str, dict[str, Resources]]:
        """Returns what containers say about themselves, by node and container id."""
        answer = await self._get("/api/v1/resources", limit=self._limit(timeout, _LIMIT))
        return cast(dict[str, dict[str, Resources]], answer.value(is_object))

    async def check_model_support(
        self, model_id: str, timeout: float | None = None
    ) -> dict[str, dict[str, ModelSupport]]:
        """Returns which containers can serve a model, by node and container id."""
        query = [("model_id", model_id)]
        answer = await self._get("/api/v1/resources", query, limit=self._limit(timeout, _LIMIT))
        return cast(dict[str, dict[str, ModelSupport]], answer.value(is_object))
