"""HTTP as node and router speak it: JSON, refusals as ``{"error", "params"}``."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import aiohttp
from yarl import URL

from infernet_client.error import APIError
from infernet_client.pool import Pool
from infernet_client.shapes import Shape

_EXCERPT = 200
_FIRST_RETRY = 0.1
_LAST_RETRY = 2.0

Query = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole HTTP answer."""

    status: int
    text: str
    retry_after: float | None = None
    """Seconds, from the header of that name."""

    def parsed(self) -> Any:
        """Returns the JSON body, whatever the status.

        Raises:
            APIError: with the body's first 200 characters, if it is not JSON.
        """
        try:
            return json.loads(self.text)
        except (ValueError, RecursionError):
            excerpt = self.text.strip()[:_EXCERPT] or "the answer has no body"
            raise APIError(self.status, excerpt, retry_after=self.retry_after) from None

    def checked(self) -> Self:
        """Returns itself if the request succeeded.

        Raises:
            APIError: with the node's own words, if the status is 400 or above.
        """
        if self.status < 400:
            return self
        body = self.parsed()
        refusal: Mapping[str, Any] = body if isinstance(body, dict) else {}
        params = refusal.get("params")
        raise APIError(
            self.status,
            str(refusal.get("error") or "Unknown error"),
            params if isinstance(params, dict) else None,
            retry_after=self.retry_after,
        )

    def value(self, shape: Shape) -> Any:
        """Returns the JSON body of a request that succeeded.

        Raises:
            APIError: if it did not, or the body is not JSON of the shape that its route has.
        """
        body = self.checked().parsed()
        if not shape(body):
            raise self.unexpected(body)
        return body

    def unexpected(self, body: object) -> APIError:
        """Returns the error for a JSON body that has not the shape of its route."""
        return APIError(self.status, f"unexpected answer: {str(body)[:_EXCERPT]}")


def http_url(url: str) -> str:
    """Returns a base URL without a trailing slash, and with ``http://`` if it names no scheme.

    Raises:
        ValueError: if it is not an HTTP URL with a host.
    """
    full = url.strip() if "://" in url else f"http://{url.strip()}"
    try:
        parsed = URL(full)
    except ValueError:
        parsed = URL()
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ValueError("base_url: not an HTTP address; write it like http://127.0.0.1:4000")
    return full.rstrip("/")


def connect_failure(error: aiohttp.ClientConnectorError) -> str:
    """Returns why no connection came about, e.g. ``Connection refused``."""
    cause = error.os_error
    # asyncio puts the address in place of the system's words; resolvers have their own.
    if cause.errno and cause.errno > 0:
        return os.strerror(cause.errno)
    return cause.strerror or str(cause)


class HttpClient:
    """What the clients of node and router share: a base URL, and a pool of connections.

    Used as ``async with``, all calls share the pool; without it each call opens a
    connection of its own and leaves nothing behind.
    """

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        retries: int = 0,
        proxy: str | None = None,
    ) -> None:
        """Prepares requests; nothing is sent.

        Args:
            base_url: e.g. ``http://127.0.0.1:4000``; ``http://`` may be left out.
            headers: sent with every request, e.g. ``{"Authorization": "Bearer ..."}``.
            timeout: seconds in all for each call that names none, in place of its default.
            retries: how often a GET is repeated when the connection fails.
            proxy: URL of an HTTP proxy.

        Raises:
            ValueError: if a URL is no HTTP URL, or a number is out of its range.
        """
        if retries < 0:
            raise ValueError("retries: must be 0 or more")
        if timeout is not None and not timeout > 0:  # nan is neither
            raise ValueError("timeout: must be above 0 seconds")
        self.base_url = http_url(base_url)
        self._headers = dict(headers or {})
        self._timeout = timeout
        self._retries = retries
        self._proxy = proxy
        self._pool = Pool(self._new_session)

    async def __aenter__(self) -> Self:
        if self._pool.is_open:
            raise RuntimeError("the client is open already; make another, or share this one")
        self._pool.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._pool.close()

    def _limit(self, timeout: float | None, default: float) -> float:
        """Returns the seconds of a call: its own, else the client's, else the default."""
        return timeout if timeout is not None else self._timeout or default

    async def _get(self, path: str, query: Query = (), *, limit: float) -> Answer:
        """Sends a GET, again when the connection fails; ``limit`` covers all attempts."""
        async with self._within(limit, f"GET {path}"):
            pause = _FIRST_RETRY
            for _ in range(self._retries):
                try:
                    return await self._exchange("GET", path, query=query)
                except aiohttp.ClientConnectionError:
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, _LAST_RETRY)
            return await self._exchange("GET", path, query=query)

    async def _send(self, method: str, path: str, body: Any, *, limit: float) -> Answer:
        """Sends a JSON body, once: a request that changes something is never repeated."""
        async with self._within(limit, f"{method} {path}"):
            return await self._exchange(method, path, body=body)

    @asynccontextmanager
    async def _stream(
        self, path: str, body: Any, *, limit: float
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Posts a JSON body and hands out the answer's bytes as they arrive.

        Raises:
            APIError: if the status is not 200.
        """
        async with (
            self._pool.session() as session,
            session.post(
                self.base_url + path,
                json=body,
                timeout=aiohttp.ClientTimeout(total=limit),
                proxy=self._proxy,
            ) as response,
        ):
            if response.status != 200:
                answer = (await _read(response)).checked()
                raise APIError(answer.status, "a stream was expected, not this status")
            yield response.content.iter_any()

    async def _exchange(
        self, method: str, path: str, *, query: Query = (), body: Any = None
    ) -> Answer:
        async with (
            self._pool.session() as session,
            session.request(
                method, self.base_url + path, params=list(query), json=body, proxy=self._proxy
            ) as response,
        ):
            return await _read(response)

    def _new_session(self) -> aiohttp.ClientSession:
        # The time limit of a call is kept outside, so that it spans repeated attempts.
        unlimited = aiohttp.ClientTimeout(total=None)
        return aiohttp.ClientSession(headers=self._headers, timeout=unlimited)

    @asynccontextmanager
    async def _within(self, seconds: float, request: str) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError:
            raise TimeoutError(
                f"{URL(self.base_url).origin()}: no answer to {request} within {seconds:g} s"
            ) from None


async def _read(response: aiohttp.ClientResponse) -> Answer:
    text = (await response.read()).decode(errors="replace")
    return Answer(response.status, text, _seconds(response.headers.get("Retry-After")))


def _seconds(header: str | None) -> float | None:
    return float(header) if header is not None and header.isdecimal() else None
