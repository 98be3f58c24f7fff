"""HTTP requests to one TGI server that another thread can break off.

The client library's own connection pool is not used: it is shared by the whole process, adds
a token from the environment, fails when the library's hub is set offline, and cannot be
interrupted.
"""

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import httpx

from tgi_service.call import Cancellation
from tgi_service.errors import TgiGenerationError, TgiTimeoutError, TgiUnavailableError

USER_AGENT = "tgi-service"
_CONNECTED = ("connect_tcp.complete", "start_tls.complete")


class Transport:
    """Sends requests with the configured headers and cookies, and no other credentials.

    Args:
        timeout: seconds to wait for a connection, and for each further part of an answer.
    """

    def __init__(
        self,
        server_url: str,
        *,
        timeout: float,
        headers: Mapping[str, str],
        cookies: Mapping[str, str],
    ) -> None:
        self.host = urlsplit(server_url).netloc
        self._timeout = timeout
        self._headers = {"user-agent": USER_AGENT}
        self._headers.update({name.lower(): value for name, value in headers.items()})
        if cookies:
            pairs = (f"{name}={value}" for name, value in cookies.items())
            self._headers["cookie"] = "; ".join(pairs)
        self._client = httpx.Client(
            # A connection that TGI has just closed would fail the next job for no reason,
            # and one that is used again could not be told from the one to break off.
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
            # What a server sets is not ours to send back: it may be a session of another job.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        )

    @contextmanager
    def request(
        self,
        method: str,
        url: str,
        cancellation: Cancellation,
        *,
        json: Any = None,
    ) -> Iterator[httpx.Response]:
        """Sends a request and gives its answer, body unread, whatever the status.

        Raises:
            TgiUnavailableError: if no connection could be made, or it broke without an answer.
            TgiTimeoutError: if there was no answer in time.
            ServiceException: the reason, if the job was cancelled.
        """
        request = self._client.build_request(
            method,
            url,
            json=json,
            headers=self._headers,
            timeout=self._limits(cancellation),
            extensions={"trace": _Trace(cancellation)},
        )
        try:
            response = self._send(request, cancellation)
            try:
                yield response
            finally:
                response.close()
        finally:
            cancellation.disconnected()

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
        except httpx.TimeoutException as error:
            cancellation.raise_if_cancelled()
            raise self._timed_out() from error
        except httpx.RequestError as error:
            cancellation.raise_if_cancelled()
            raise TgiGenerationError(
                f"Incomplete generation: the connection to TGI at {self.host} broke: {error}"
            ) from error
        cancellation.raise_if_cancelled()  # a connection broken off may look like a clean end

    def _timed_out(self) -> TgiTimeoutError:
        return TgiTimeoutError(f"TGI at {self.host} did not answer within {self._timeout:g} s")

    def _limits(self, cancellation: Cancellation) -> httpx.Timeout:
        """The timeout; before there is a connection to break off, the job's limit counts too."""
        left = cancellation.seconds_left
        connect = self._timeout if left is None else max(0.001, min(self._timeout, left))
        return httpx.Timeout(self._timeout, connect=connect)

    def _send(self, request: httpx.Request, cancellation: Cancellation) -> httpx.Response:
        try:
            return self._client.send(request, stream=True)
        except httpx.TimeoutException as error:
            cancellation.raise_if_cancelled()
            raise self._timed_out() from error
        except httpx.TransportError as error:
            cancellation.raise_if_cancelled()
            raise TgiUnavailableError(f"TGI at {self.host} cannot be reached: {error}") from error


class _Trace:
    """Told by the HTTP library what it does; catches the connection when it is made."""

    def __init__(self, cancellation: Cancellation) -> None:
        self._cancellation = cancellation

    def __call__(self, event: str, info: Mapping[str, Any]) -> None:
        if event.endswith(_CONNECTED):
            connection = info["return_value"].get_extra_info("socket")
            self._cancellation.connected(lambda: _shut_down(connection))


def _shut_down(connection: socket.socket) -> None:
    """Ends a connection under the hands of the thread that reads from it.

    Only closing would leave that thread waiting. The method of the base class leaves the
    state of a TLS connection alone, which that thread is using.
    """
    with suppress(OSError):  # it is closed already
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
