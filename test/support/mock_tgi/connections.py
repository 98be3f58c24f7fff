"""HTTP/1.1 as TGI speaks it: a connection stays open for the caller's next request.

Werkzeug's own server closes every connection after one answer.
"""

import socket
import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import Any
from wsgiref.types import WSGIEnvironment

from werkzeug.serving import WSGIRequestHandler

from test.support.mock_tgi.answering import RECORDED
from test.support.mock_tgi.exchange import BrokenOffError
from test.support.mock_tgi.scripting import Recorded, Script

_LINGER = 1.0
"""Seconds of silence after which a caller that was refused is not listened to any more."""
_CHUNK = 1 << 16


class Connections:
    """The open connections, to be closed when the server stops: idle ones at once, the others
    after their answer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: set[socket.socket] = set()
        self.closing = False

    def idle(self, connection: socket.socket) -> None:
        """Takes note of a connection that waits for a request."""
        with self._lock:
            self._idle.add(connection)
            if self.closing:
                _shut_down(connection)

    def busy(self, connection: socket.socket) -> None:
        """Takes note that it does not."""
        with self._lock:
            self._idle.discard(connection)

    def close(self) -> None:
        """Closes the idle ones, and the others when they become idle."""
        with self._lock:
            self.closing = True
            for connection in self._idle:
                _shut_down(connection)


def request_class(script: Script, connections: Connections) -> type[WSGIRequestHandler]:
    """Returns the class whose objects serve one connection each."""

    class _Request(_KeepAliveRequest):
        def handle_one_request(self) -> None:
            connections.idle(self.connection)
            try:
                super().handle_one_request()
            finally:
                connections.busy(self.connection)

        def run_wsgi(self) -> None:
            connections.busy(self.connection)
            super().run_wsgi()
            recorded = self._recorded()
            if recorded is not None:
                script.notify(lambda: setattr(recorded, "finished", True))

        def connection_dropped(
            self, error: BaseException, environ: WSGIEnvironment | None = None
        ) -> None:
            self.close_connection = True
            recorded = self._recorded()
            if recorded is not None and not isinstance(error, BrokenOffError):
                script.notify(lambda: setattr(recorded, "disconnected", True))

    return _Request


class _KeepAliveRequest(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    environ: WSGIEnvironment

    def run_wsgi(self) -> None:
        if self.headers.get("Expect", "").strip().lower() == "100-continue":
            self.send_response_only(100)
            self.end_headers()
        self.environ = self.make_environ()
        answer = _Answer(self)
        try:
            parts: Iterable[bytes] = self.server.app(self.environ, answer.start)
            try:
                for part in parts:
                    answer.write(part)
                answer.end()
            finally:
                close = getattr(parts, "close", None)
                if close is not None:
                    close()
        except ConnectionError as error:
            self.connection_dropped(error, self.environ)
        if not self.request_was_read():
            self._hear_out()

    def request_was_read(self) -> bool:
        """Whether the next byte on the connection belongs to the next request."""
        if "Transfer-Encoding" in self.headers:
            return False
        length = int(self.headers.get("Content-Length") or 0)
        recorded = self._recorded()
        return length == 0 or (recorded is not None and len(recorded.body) == length)

    def log(self, type: str, message: str, *args: Any) -> None:
        """Says nothing: the record of requests says more than a log."""

    def _hear_out(self) -> None:
        """Reads what else the caller sends: closed with bytes unread, the connection would be
        reset, and the caller might lose the answer."""
        self.close_connection = True
        with suppress(OSError):
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(_LINGER)
            while self.connection.recv(_CHUNK):
                pass

    def _recorded(self) -> Recorded | None:
        environ: WSGIEnvironment = getattr(self, "environ", {})
        return environ.get(RECORDED)


class _Answer:
    """Writes status, headers and body, and marks where the body ends."""

    def __init__(self, request: _KeepAliveRequest) -> None:
        self._request = request
        self._status = ""
        self._headers: list[tuple[str, str]] = []
        self._begun = False
        self._chunked = False

    def start(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        """WSGI's ``start_response``."""
        self._status, self._headers = status, headers
        return self.write

    def write(self, part: bytes) -> None:
        self._begin()
        if part and self._request.command != "HEAD":
            self._request.wfile.write(
                b"%x\r\n%b\r\n" % (len(part), part) if self._chunked else part
            )

    def end(self) -> None:
        self._begin()
        if self._chunked:
            self._request.wfile.write(b"0\r\n\r\n")

    def _begin(self) -> None:
        if self._begun:
            return
        self._begun = True
        request = self._request
        code, _, reason = self._status.partition(" ")
        request.send_response(int(code), reason)
        for name, value in self._headers:
            request.send_header(name, value)
        if all(name.lower() != "content-length" for name, _ in self._headers):
            if request.request_version == "HTTP/1.1" and request.command != "HEAD":
                self._chunked = True
                request.send_header("Transfer-Encoding", "chunked")
            else:
                request.close_connection = True
        if not request.request_was_read():
            request.send_header("Connection", "close")
        request.end_headers()


def _shut_down(connection: socket.socket) -> None:
    with suppress(OSError):  # it is closed already
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
