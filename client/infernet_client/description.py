"""What a node says about itself: health, version, containers, models."""

# ruff: noqa: ASYNC109 - every method takes ``timeout``: the interface is a published one.

from typing import cast

from infernet_client.shapes import is_object, object_with
from infernet_client.transport import HttpClient
from infernet_client.types import ModelSupport, NodeInfo, Resources

_INFO = object_with("version", "chain", "containers", "pending")


class DescriptionClient(HttpClient):
    """The part of a node's interface that only asks about the node."""

    async def health(self, timeout: float | None = None) -> bool:
        """Tells whether the node says it is healthy. Default timeout: 1 s."""
        answer = await self._get("/health", limit=self._limit(timeout, 1))
        body = answer.parsed()
        if isinstance(body, dict) and "status" in body:
            return bool(body["status"] == "healthy")
        answer.checked()
        raise answer.unexpected(body)

    async def get_info(self, timeout: float | None = None) -> NodeInfo:
        """Returns version, chain, containers and load of the node. Default timeout: 1 s."""
        answer = await self._get("/info", limit=self._limit(timeout, 1))
        return cast(NodeInfo, answer.value(_INFO))

    async def get_resources(self, timeout: float | None = None) -> dict[str, Resources]:
        """Returns what each container says about itself, by id. Default timeout: 1 s."""
        answer = await self._get("/resources", limit=self._limit(timeout, 1))
        return cast(dict[str, Resources], answer.value(is_object))

    async def check_model_support(
        self, model_id: str, timeout: float | None = None
    ) -> dict[str, ModelSupport]:
        """Returns which containers can serve a model, by id. Default timeout: 1 s."""
        query = [("model_id", model_id)]
        answer = await self._get("/resources", query, limit=self._limit(timeout, 1))
        return cast(dict[str, ModelSupport], answer.value(is_object))
