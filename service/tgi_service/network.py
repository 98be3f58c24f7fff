"""Connections that another thread can break off, for the HTTP library to use again and again.

The library does not tell which connection of its pool a request travels on. So each
connection tells by itself, when a request is written to it.
"""

import socket
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any

import httpcore

from tgi_service.call import Cancellation

_SENDING: ContextVar[Cancellation] = ContextVar("sending")


@contextmanager
def sending_for(cancellation: Cancellation) -> Iterator[None]:
    """Has the connection that is written to inside the block be broken when this is cancelled.

    Raises:
        ServiceException: the reason, if the job was cancelled before anything is written.
    """
    token = _SENDING.set(cancellation)
    try:
        yield
    except BaseException:
        cancellation.disconnected()
        raise
    finally:
        _SENDING.reset(token)


class BreakableNetwork(httpcore.NetworkBackend):
    """Makes breakable connections."""

    def __init__(self) -> None:
        self._network = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connects to a server."""
        return _BreakableStream(
            self._network.connect_tcp(host, port, timeout, local_address, socket_options)
        )


class _BreakableStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream
        self._socket: socket.socket = stream.get_extra_info("socket")

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, timeout)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        _SENDING.get().connected(self._break_off)
        self._stream.write(buffer, timeout)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        return _BreakableStream(self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    def _break_off(self) -> None:
        """Ends the connection under the hands of the thread that reads from it.

        Only closing would leave that thread waiting. The method of the base class leaves the
        state of a TLS connection alone, which that thread is using.
        """
        with suppress(OSError):  # it is closed already
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
