"""gunicorn's threaded worker, told what to do when it has to stop."""

import json
import logging
import socket
import time
from contextlib import suppress
from http import HTTPStatus
from types import FrameType
from typing import Any

from gunicorn.http import errors  # type: ignore[import-untyped]
from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]

from tgi_service.app import OVERSEER, error_content
from tgi_service.logs import fields

log = logging.getLogger(__name__)
_STATUSES = {
    errors.LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    errors.LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    errors.ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
}

_LINGER = 2.0
"""Seconds that a caller gets to close its side of a connection that we have closed."""
_CHUNK = 4096


class DrainingWorker(ThreadWorker):  # type: ignore[misc]
    """Refuses connections from the moment it is told to stop, and ends waits for retries.

    Jobs that TGI is working on run on, for gunicorn's ``graceful_timeout`` at most.
    """

    def handle(self, conn: Any) -> Any:
        """Answers a request, and waits here for the caller to close the connection.

        gunicorn waits as well, but on the one thread that accepts connections: a caller slow
        to close would keep all others out. After this it has nothing left to wait for.
        """
        stays_open = super().handle(conn)
        if not stays_open:
            _await_close(conn.sock)
        return stays_open

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: BaseException) -> None:
        """Answers what is no HTTP, before any route, as routes answer: with a JSON object."""
        if not isinstance(exc, errors.ParseException):
            super().handle_error(req, client, addr, exc)
            return
        status = _STATUSES.get(type(exc), HTTPStatus.BAD_REQUEST)
        log.info("no_http", extra=fields(error=type(exc).__name__, status=str(status.value)))
        content = json.dumps(error_content(status, "the request is not valid HTTP")).encode()
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\nConnection: close\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        with suppress(OSError):  # who sends such things may have left
            client.sendall(head.encode() + content)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begins to stop, on SIGTERM."""
        if self.booted:
            self.wsgi.extensions[OVERSEER].stop_waiting()
        super().handle_exit(sig, frame)

    def handle_quit(self, sig: int, frame: FrameType | None) -> None:
        """Ends at once, when Ctrl-C was pressed: jobs would keep the process from ending."""
        if self.booted:
            self.wsgi.extensions[OVERSEER].abandon_all()
        super().handle_quit(sig, frame)

    def set_accept_enabled(self, enabled: bool) -> None:
        """Starts or stops accepting connections."""
        super().set_accept_enabled(enabled)
        if not self.alive:
            # While a listening socket is open the kernel accepts connections on it, and their
            # callers would wait for the last job to end only to be turned away.
            for listener in self.sockets:
                listener.close()


def _await_close(connection: socket.socket) -> None:
    """Ends our side of a connection, and reads until the other side ends too, or for so long.

    Closed with bytes unread, it would be reset, and the caller might lose the answer.
    """
    deadline = time.monotonic() + _LINGER
    with suppress(OSError):  # gone already
        connection.shutdown(socket.SHUT_WR)
        with suppress(TimeoutError):
            while (left := deadline - time.monotonic()) > 0:
                connection.settimeout(left)
                if not connection.recv(_CHUNK):
                    return
        connection.shutdown(socket.SHUT_RD)  # from now on it reads as if it had ended
