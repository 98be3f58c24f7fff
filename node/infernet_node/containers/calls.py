"""One HTTP request to a container, and every way in which it can fail.

What a failure says reaches clients, so it never holds an internal host name or URL; those
go to the log.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Self

import aiohttp
import structlog

from infernet_node.containers.endpoint import Endpoint
from infernet_node.json_text import JsonTextError, parse, serialise
from infernet_protocol.messages import ContainerInput

_LOG = structlog.get_logger(__name__)
# Common servers drop idle connections after 2 s and more. Dropping them sooner ourselves
# keeps a request from meeting a connection that is just being closed.
_KEEPALIVE = 1.5
_LONGEST_DESCRIPTION = 1000
_RESOURCES_TIMEOUT = 0.8
_PING_TIMEOUT = 2.0
_LARGEST_RESOURCES = 2**20
# These find fault with the question itself; other statuses may differ the next time.
_REFUSALS = frozenset({400, 413, 422})


class ContainerCallError(Exception):
    """A container did not answer as it should; the text is fit for clients.

    Args:
        refused: whether the container will not answer this question, however often it is asked.
    """

    def __init__(self, reason: str, *, refused: bool = False) -> None:
        super().__init__(reason)
        self.refused = refused


class ContainerClient:
    """A pool of connections to all containers.

    Args:
        max_answer_bytes: longest answer, streamed or not.
    """

    def __init__(self, session: aiohttp.ClientSession, max_answer_bytes: int) -> None:
        self._session = session
        self._max_answer_bytes = max_answer_bytes

    @classmethod
    async def open(cls, max_answer_bytes: int) -> Self:
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEPALIVE)
        session = aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
        )
        return cls(session, max_answer_bytes)

    async def close(self) -> None:
        await self._session.close()

    async def ask(self, endpoint: Endpoint, question: ContainerInput, request_id: str) -> Any:
        """Returns the JSON answer to ``POST /service_output``.

        Args:
            request_id: sent as ``X-Request-ID``, so that both sides' logs name the request alike.

        Raises:
            ContainerCallError: if there is none within ``timeouts.answer``, the status is not
                2xx, or the answer is no JSON or too long.
        """
        allowed = endpoint.timeouts
        limits = aiohttp.ClientTimeout(total=allowed.answer, sock_connect=allowed.connect)
        request = self._post(endpoint, question, request_id, limits)
        async with _failures_named(endpoint, allowed.answer), request as response:
            body = await self._read(response, self._max_answer_bytes)
            _require_success(response, body)
        try:
            return parse(body)
        except JsonTextError:
            raise ContainerCallError("Container did not answer with JSON") from None

    async def stream(
        self, endpoint: Endpoint, question: ContainerInput, request_id: str
    ) -> AsyncGenerator[bytes, None]:
        """Yields the bytes of a streamed answer as they come.

        The next piece is read from the network only when the last one was taken, so that a
        slow reader slows down the container.

        Raises:
            ContainerCallError: as for :meth:`ask`, also when the stream breaks off.
        """
        allowed = endpoint.timeouts
        limits = aiohttp.ClientTimeout(
            total=allowed.stream, sock_connect=allowed.connect, sock_read=allowed.stream_idle
        )
        request = self._post(endpoint, question, request_id, limits)
        async with _failures_named(endpoint, allowed.stream), request as response:
            if not _succeeded(response):
                _require_success(response, await self._read(response, self._max_answer_bytes))
            async for piece in _bounded(response, self._max_answer_bytes):
                yield piece

    async def resources(self, endpoint: Endpoint, model_id: str | None) -> Any:
        """Returns what ``GET /service-resources`` says, within a second.

        Raises:
            ContainerCallError: if the container has nothing to say.
        """
        limits = aiohttp.ClientTimeout(total=_RESOURCES_TIMEOUT)
        url = endpoint.service_resources
        if model_id:
            url = url.with_query({"model_id": model_id})
        request = self._session.get(
            url, headers=endpoint.headers, timeout=limits, allow_redirects=False
        )
        async with _failures_named(endpoint, _RESOURCES_TIMEOUT), request as response:
            body = await self._read(response, _LARGEST_RESOURCES)
            _require_success(response, body)
        try:
            return parse(body)
        except JsonTextError:
            raise ContainerCallError("Container did not answer with JSON") from None

    async def answers(self, endpoint: Endpoint) -> bool:
        """Whether a container's server takes requests, whatever it says to ``GET /``."""
        limits = aiohttp.ClientTimeout(total=_PING_TIMEOUT)
        try:
            async with self._session.get(endpoint.base, timeout=limits, allow_redirects=False):
                return True
        except (aiohttp.ClientError, OSError, TimeoutError):
            return False

    def _post(
        self,
        endpoint: Endpoint,
        question: ContainerInput,
        request_id: str,
        limits: aiohttp.ClientTimeout,
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        return self._session.post(
            endpoint.service_output,
            data=serialise(question),
            headers={**endpoint.headers, "X-Request-ID": request_id},
            timeout=limits,
            # The question is for the configured server, and for no other it may point to.
            allow_redirects=False,
        )

    async def _read(self, response: aiohttp.ClientResponse, limit: int) -> bytes:
        return b"".join([piece async for piece in _bounded(response, limit)])


async def _bounded(response: aiohttp.ClientResponse, limit: int) -> AsyncIterator[bytes]:
    size = 0
    async for piece in response.content.iter_any():
        size += len(piece)
        if size > limit:
            raise ContainerCallError(f"Container answered more than {limit} bytes")
        yield piece


@asynccontextmanager
async def _failures_named(endpoint: Endpoint, seconds: float) -> AsyncIterator[None]:
    try:
        yield
    except aiohttp.ConnectionTimeoutError as error:
        raise _named(endpoint, "Container could not be reached in time", error) from None
    except aiohttp.SocketTimeoutError as error:
        idle = endpoint.timeouts.stream_idle
        raise _named(endpoint, f"Container sent nothing for {idle:g} s", error) from None
    except TimeoutError as error:
        raise _named(endpoint, f"Container timed out after {seconds:g} s", error) from None
    except aiohttp.ClientConnectorError as error:
        raise _named(endpoint, "Container could not be reached", error) from None
    except (aiohttp.ClientError, OSError) as error:
        reason = "Container broke off the connection before its answer was complete"
        raise _named(endpoint, reason, error) from None


def _named(endpoint: Endpoint, reason: str, error: Exception) -> ContainerCallError:
    _LOG.warning("container_call_failed", container=endpoint.id, reason=reason, cause=repr(error))
    return ContainerCallError(reason)


def _succeeded(response: aiohttp.ClientResponse) -> bool:
    # A redirection is no answer, and is not followed.
    return 200 <= response.status < 300


def _require_success(response: aiohttp.ClientResponse, body: bytes) -> None:
    if _succeeded(response):
        return
    raise ContainerCallError(
        _description(body) or f"Container answered with HTTP status {response.status}",
        refused=response.status in _REFUSALS,
    )


def _description(body: bytes) -> str | None:
    try:
        answer = parse(body)
    except JsonTextError:
        return None
    if not isinstance(answer, dict):
        return None
    described = [answer.get(key) for key in ("description", "error")]
    texts = [text.strip() for text in described if isinstance(text, str)]
    return next((text[:_LONGEST_DESCRIPTION] for text in texts if text), None)
