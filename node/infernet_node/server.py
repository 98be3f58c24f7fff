"""The HTTP server under the REST interface."""

import asyncio
import logging
import os
import socket
import ssl
from collections.abc import Generator
from contextlib import contextmanager, suppress

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from infernet_node.config import ServerConfig, TlsConfig
from infernet_node.joined_writes import JoinedWrites
from infernet_node.json_text import serialise

_BACKLOG = 2048
_LAST_ANSWERS = 5
_LONGEST_HEAD = 2**16
_HEAD_SECONDS = 30.0
# Logged as an error whenever a stream is broken off, which is how its failure is shown.
_INTENDED = "ASGI callable returned without completing response."


class ListenError(Exception):
    """The address cannot be listened on; names the setting and the fix."""

    code = "listen_failed"


def listen(config: ServerConfig) -> socket.socket:
    """Returns a socket that takes connections, before anything answers them.

    Raises:
        ListenError: if the port is in use, or the address is not of this machine.
    """
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    dual = config.host == "::"
    try:
        listener = socket.create_server(
            (config.host, config.port), family=family, backlog=_BACKLOG, dualstack_ipv6=dual
        )
    except OSError as error:
        raise ListenError(
            f"server.port: cannot listen on {config.host}:{config.port} "
            f"({_reason(error)}); stop what uses it, or choose another port"
        ) from None
    # Connections inherit it. Without, an answer's head and body are 40 ms apart wherever the
    # event loop leaves the option alone.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def require_usable(tls: TlsConfig) -> None:
    """Looks at certificate and key before anything depends on them.

    Raises:
        ListenError: if one cannot be read, or they do not belong together.
    """
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
            tls.certificate, tls.private_key, password=_refuse_passphrase
        )
    except (OSError, ValueError) as error:
        reason = str(error) if isinstance(error, ValueError) else (error.strerror or str(error))
        raise ListenError(
            f"server.tls: certificate and private_key cannot be used ({reason}); "
            "both must be PEM files that belong together"
        ) from None


def _refuse_passphrase() -> str:
    # Without this OpenSSL would ask for it on the terminal.
    raise ValueError("the key has a passphrase")


def _reason(error: OSError) -> str:
    # Names that cannot be resolved have codes of their own, and a text of their own.
    known = error.errno and not isinstance(error, socket.gaierror)
    return os.strerror(error.errno or 0) if known else str(error.strerror)


class _Connection(HttpToolsProtocol):
    """Bounds what a client may send, and how slowly, before it is a request."""

    _head_bytes = 0
    _in_head = True
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(JoinedWrites(transport, self.loop))
        self._await_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > _LONGEST_HEAD:
                self.send_400_response("Request head is too long.")

    def send_400_response(self, msg: str) -> None:
        # As JSON, like every refusal: clients read the body before they look at the status.
        body = serialise({"error": msg})
        self.transport.write(
            b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n"
            b"connection: close\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
        )
        self.transport.close()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if not self._in_head:
            self._await_head()

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self._in_head = False
        self._forget_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_deadline()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        self._in_head, self._head_bytes = True, 0
        self._deadline = self.loop.call_later(_HEAD_SECONDS, self.transport.close)

    def _forget_deadline(self) -> None:
        if self._deadline:
            self._deadline.cancel()
            self._deadline = None


class HttpServer(uvicorn.Server):
    """uvicorn without its signal handlers: when the node stops is the node's decision."""

    def __init__(self, app: ASGIApp, tls: TlsConfig | None = None) -> None:
        logging.getLogger("uvicorn.error").addFilter(_is_unexpected)
        self._stop = asyncio.Event()
        super().__init__(
            uvicorn.Config(
                app,
                http=_Connection,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                # Callers are told apart in the application, by their connections and by the
                # proxies of the configuration alone.
                proxy_headers=False,
                server_header=False,
                backlog=_BACKLOG,
                timeout_graceful_shutdown=_LAST_ANSWERS,
                ssl_certfile=tls.certificate if tls else None,
                ssl_keyfile=tls.private_key if tls else None,
            )
        )

    def stop(self) -> None:
        """Lets :meth:`serve` return once answers under way are given."""
        self.should_exit = True
        self._stop.set()

    async def main_loop(self) -> None:
        # Once a second for the Date header, not ten times, and at once when it is to stop.
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), timeout=1)

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def _is_unexpected(record: logging.LogRecord) -> bool:
    return record.msg != _INTENDED
