"""The HTTP server under the REST interface."""

import asyncio
import logging
import os
import socket
from collections.abc import Generator
from contextlib import contextmanager, suppress

import uvicorn
from fastapi import FastAPI

from infernet_node.config import ServerConfig

_BACKLOG = 2048
_LAST_ANSWERS = 5
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


def _reason(error: OSError) -> str:
    # Names that cannot be resolved have codes of their own, and a text of their own.
    known = error.errno and not isinstance(error, socket.gaierror)
    return os.strerror(error.errno or 0) if known else str(error.strerror)


class HttpServer(uvicorn.Server):
    """uvicorn without its signal handlers: when the node stops is the node's decision."""

    def __init__(self, app: FastAPI) -> None:
        logging.getLogger("uvicorn.error").addFilter(_is_unexpected)
        self._stop = asyncio.Event()
        super().__init__(
            uvicorn.Config(
                app,
                http="httptools",
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
