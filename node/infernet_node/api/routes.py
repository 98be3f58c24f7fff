"""Finds the handler of a request.

Every poll of every client comes through here, so it is a look into a table and no more.
"""

import re
from collections.abc import Awaitable, Callable, Iterable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from infernet_node.api.responses import json_response

Endpoint = Callable[[Request], Awaitable[Response]]
_Methods = dict[str, Endpoint]
_PARAMETER = re.compile(r"\\\{(\w+)\\\}")


class Routes:
    """An ASGI application of endpoints by method and path.

    Args:
        table: method, path and endpoint of each; ``{id}`` in a path stands for a part without
            slash, found in the request's ``path_params``. ``GET`` answers ``HEAD`` as well.
    """

    def __init__(self, table: Iterable[tuple[str, str, Endpoint]]) -> None:
        self._exact: dict[str, _Methods] = {}
        self._patterns: list[tuple[re.Pattern[str], _Methods]] = []
        self.served: list[tuple[str, str]] = []
        """Methods and paths, as described to clients."""
        for method, path, endpoint in table:
            self.served.append((method, path))
            methods = self._methods_at(path)
            methods[method] = endpoint
            if method == "GET":
                methods["HEAD"] = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._respond(scope, receive)
        await response(scope, receive, send)

    async def _respond(self, scope: Scope, receive: Receive) -> Response:
        methods = self._exact.get(scope["path"]) or self._matching(scope)
        if methods is None:
            return json_response({"error": "Not Found"}, 404)
        endpoint = methods.get(scope["method"])
        if endpoint is None:
            return json_response(
                {"error": "Method Not Allowed"}, 405, {"Allow": ", ".join(sorted(methods))}
            )
        return await endpoint(Request(scope, receive))

    def _matching(self, scope: Scope) -> _Methods | None:
        for pattern, methods in self._patterns:
            if found := pattern.fullmatch(scope["path"]):
                scope["path_params"] = found.groupdict()
                return methods
        return None

    def _methods_at(self, path: str) -> _Methods:
        if "{" not in path:
            return self._exact.setdefault(path, {})
        pattern = re.compile(_PARAMETER.sub(r"(?P<\1>[^/]+)", re.escape(path)))
        for known, methods in self._patterns:
            if known == pattern:
                return methods
        self._patterns.append((pattern, {}))
        return self._patterns[-1][1]
