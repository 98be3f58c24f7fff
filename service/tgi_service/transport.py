"""HTTP requests to one server that another thread can break off.

The client library's own HTTP client is not used: it is shared by the whole process, adds a
token from the environment, fails when the library's hub is set offline, and cannot be
interrupted.
"""

import json as json_text
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.request import getproxies, proxy_bypass
from weakref import finalize

import httpcore
import httpx

from tgi_service.call import Cancellation
from tgi_service.errors import (
    ConfigurationError,
    TgiAnswerTooLongError,
    TgiGenerationError,
    TgiTimeoutError,
    TgiUnavailableError,
)
from tgi_service.network import BreakableNetwork, sending_for

USER_AGENT = "tgi-service"
_IDLE = 1.0
"""Seconds that an unused connection is kept: less than servers do, which close it after two
or more. A request on one that is just being closed would fail for no reason."""
_BEGINNING = 64 * 1024


@dataclass(frozen=True, slots=True)
class Response:
    """An answer whose body may still be on its way.

    A connection whose answer was not read to its end is closed, and not used again.

    Attributes:
        server: where it comes from, for error texts.
        max_bytes: greatest length of the body.
    """

    status: int
    stream: httpcore.Response
    server: str
    max_bytes: int

    def chunks(self) -> Iterator[bytes]:
        """Yields parts of the body as they come.

        Raises:
            TgiAnswerTooLongError: if it is too long; before anything is read, if it says so.
        """
        announced = self._announced_bytes()
        if announced > self.max_bytes:
            raise self._too_long(f"announces an answer of {announced} bytes")
        size = 0
        for chunk in self.stream.iter_stream():
            size += len(chunk)
            if size > self.max_bytes:
                raise self._too_long(f"goes on after {self.max_bytes} bytes of an answer")
            yield chunk

    def read(self) -> bytes:
        """Returns the whole body; see :meth:`chunks`."""
        body = bytearray()  # a list of small chunks would take many times their bytes
        for chunk in self.chunks():
            body += chunk
        return bytes(body)

    def beginning(self) -> bytes:
        """Returns the first 64 KiB of the body, of any length: enough for an error's text."""
        body = bytearray()
        for chunk in self.stream.iter_stream():
            body += chunk
            if len(body) >= _BEGINNING:
                break
        return bytes(body[:_BEGINNING])

    def _announced_bytes(self) -> int:
        """The length in the head, 0 if there is none; the HTTP library has checked it."""
        return next(
            (int(text) for name, text in self.stream.headers if name.lower() == b"content-length"),
            0,
        )

    def _too_long(self, what: str) -> TgiAnswerTooLongError:
        return TgiAnswerTooLongError(
            f"{self.server} {what}: TGI_INF_MAX_ANSWER_BYTES allows {self.max_bytes}"
        )


class Transport:
    """Sends requests with the configured headers and cookies, and no other credentials.

    Cookies that the server sets are not sent back: they may be a session of another job.

    Args:
        kind: what error texts call the server.
        timeout: seconds to wait for a connection, and for each further part of an answer.
        max_answer_bytes: greatest body of an answer, streamed or not.

    Attributes:
        server: kind and host, for error texts.
    """

    def __init__(
        self,
        server_url: str,
        *,
        kind: str = "TGI",
        timeout: float,
        headers: Mapping[str, str],
        cookies: Mapping[str, str],
        max_answer_bytes: int,
    ) -> None:
        url = httpx.URL(server_url)
        host = url.netloc.decode("ascii")
        self.server = f"{kind} at {host}"
        self._timeout = timeout
        self._max_answer_bytes = max_answer_bytes
        self._headers = {"host": host, "user-agent": USER_AGENT, "accept-encoding": "identity"}
        self._headers.update({name.lower(): value for name, value in headers.items()})
        if cookies:
            pairs = (f"{name}={value}" for name, value in cookies.items())
            self._headers["cookie"] = "; ".join(pairs)
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context() if url.scheme == "https" else None,
            proxy=_proxy(url),
            max_connections=None,
            max_keepalive_connections=None,
            keepalive_expiry=_IDLE,
            network_backend=BreakableNetwork(),
        )
        finalize(self, self._pool.close)

    def close(self) -> None:
        """Closes all connections; the next request makes a new one."""
        self._pool.close()

    @contextmanager
    def request(
        self, method: str, url: str, cancellation: Cancellation, *, json: Any = None
    ) -> Iterator[Response]:
        """Sends a request and gives its answer, body unread, whatever the status.

        Raises:
            TgiUnavailableError: if no connection could be made, or it broke without an answer.
            TgiTimeoutError: if there was no answer in time.
            ServiceException: the reason, if the job was cancelled.
        """
        response = self._send(self._request(method, url, cancellation, json), cancellation)
        try:
            yield Response(response.status, response, self.server, self._max_answer_bytes)
        finally:
            # In this order: once it is closed, another job may use the connection.
            cancellation.disconnected()
            response.close()

    @contextmanager
    def reading(self, cancellation: Cancellation) -> Iterator[None]:
        """Surrounds the reading of an answer's body.

        Raises:
            TgiTimeoutError: if nothing more came in time.
            TgiGenerationError: if the connection broke before the end.
            ServiceException: the reason, if the job was cancelled.
        """
        try:
            yield
        except httpcore.TimeoutException as error:
            cancellation.raise_if_cancelled()
            raise self._timed_out() from error
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            cancellation.raise_if_cancelled()
            raise TgiGenerationError(
                f"Incomplete generation: the connection to {self.server} broke: {error}"
            ) from error
        cancellation.raise_if_cancelled()  # a connection broken off may look like a clean end

    def _request(
        self, method: str, url: str, cancellation: Cancellation, json: Any
    ) -> httpcore.Request:
        headers, content = self._headers, b""
        if json is not None:
            text = json_text.dumps(json, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
            content = text.encode()
            length = str(len(content))
            headers = {"content-type": "application/json", **headers, "content-length": length}
        return httpcore.Request(
            method,
            _address(url),
            headers=list(headers.items()),
            content=content,
            extensions={"timeout": self._limits(cancellation)},
        )

    def _send(self, request: httpcore.Request, cancellation: Cancellation) -> httpcore.Response:
        try:
            with sending_for(cancellation):
                return self._pool.handle_request(request)
        except httpcore.TimeoutException as error:
            cancellation.raise_if_cancelled()
            raise self._timed_out() from error
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError) as error:
            cancellation.raise_if_cancelled()
            raise TgiUnavailableError(f"{self.server} cannot be reached: {error}") from error

    def _timed_out(self) -> TgiTimeoutError:
        return TgiTimeoutError(f"{self.server} did not answer within {self._timeout:g} s")

    def _limits(self, cancellation: Cancellation) -> dict[str, float]:
        """The timeout; before there is a connection to break off, the job's limit counts too."""
        left = cancellation.seconds_left
        connect = self._timeout if left is None else max(0.001, min(self._timeout, left))
        return {"connect": connect, "read": self._timeout, "write": self._timeout}


@lru_cache(maxsize=256)
def _address(url: str) -> httpcore.URL:
    parsed = httpx.URL(url)
    return httpcore.URL(
        scheme=parsed.raw_scheme, host=parsed.raw_host, port=parsed.port, target=parsed.raw_path
    )


def _proxy(url: httpx.URL) -> httpcore.Proxy | None:
    """Returns the proxy that the environment has for a server, by its usual variables.

    Raises:
        ConfigurationError: if it is none that speaks HTTP. Its address may hold a password, and
            is not shown.
    """
    proxies = getproxies()
    name = url.scheme if proxies.get(url.scheme) else "all"
    address = proxies.get(name)
    if not address or proxy_bypass(url.host):
        return None
    try:
        proxy = httpx.Proxy(address if "://" in address else f"http://{address}")
    except (ValueError, httpx.InvalidURL):
        proxy = None
    if proxy is None or proxy.url.scheme not in ("http", "https") or not proxy.url.host:
        raise ConfigurationError(
            f"{name.upper()}_PROXY is not valid: must be http(s)://host[:port]; "
            f"where no proxy is meant, name {url.host} in NO_PROXY"
        )
    return httpcore.Proxy(_address(str(proxy.url)), auth=proxy.raw_auth)
