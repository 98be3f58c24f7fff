"""Runs the application in this process, on a thread per connection."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self
from wsgiref.types import WSGIEnvironment

from werkzeug.serving import WSGIRequestHandler, make_server

from test.support.mock_tgi.answering import RECORDED
from test.support.mock_tgi.exchange import BrokenOffError
from test.support.mock_tgi.routes import create_app
from test.support.mock_tgi.scripting import Behaviour, Recorded, Script
from test.support.mock_tgi.settings import Settings


class MockTGI:
    """A running mock server; a context manager that stops it.

    Args:
        host: address to listen on.
        port: TCP port, 0 for a free one.
        settings: what the operator chose; keywords override single settings.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        settings: Settings | None = None,
        **overrides: Any,
    ) -> None:
        self.settings = settings or Settings(**overrides)
        self._script = Script()
        app = create_app(self.settings, self._script)
        self._server = make_server(
            host, port, app, threaded=True, request_handler=_request_class(self._script)
        )
        # Many callers may connect in the same instant.
        self._server.socket.listen(1024)
        self.url = f"http://{host}:{self._server.server_port}"
        self._thread = threading.Thread(target=self._serve, name="mock-tgi", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stops listening and lets calls that are on hold end."""
        self._script.release()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def script(self, *behaviours: Behaviour) -> None:
        """Queues behaviours, one for each of the next calls of generating routes."""
        self._script.extend(behaviours)

    def always(self, behaviour: Behaviour) -> None:
        """Sets the behaviour of calls for which nothing is queued."""
        self._script.always(behaviour)

    def set_healthy(self, healthy: bool) -> None:
        """Sets what health checks are told."""
        self._script.healthy = healthy

    def release(self) -> None:
        """Lets the calls that are on hold go on."""
        self._script.release()

    def reset(self) -> None:
        """Forgets behaviours and requests."""
        self._script.reset()

    @property
    def requests(self) -> list[Recorded]:
        """All requests so far, in order of arrival."""
        return list(self._script.requests)

    @property
    def generations(self) -> list[Recorded]:
        """The requests for text: every POST."""
        return [recorded for recorded in self.requests if recorded.method == "POST"]

    def wait_for(self, condition: Callable[["MockTGI"], bool], timeout: float = 10.0) -> None:
        """Blocks until a condition on the requests holds; it is looked at after each change.

        Raises:
            TimeoutError: if it does not hold within ``timeout`` seconds.
        """
        self._script.wait_for(lambda: condition(self), timeout)

    def _serve(self) -> None:
        self._server.serve_forever(poll_interval=0.05)


def _request_class(script: Script) -> type[WSGIRequestHandler]:
    class _Request(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"  # for chunked transfer

        def run_wsgi(self) -> None:
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

        def log(self, type: str, message: str, *args: Any) -> None:
            """Says nothing: the record of requests says more than a log."""

        def _recorded(self) -> Recorded | None:
            environ: WSGIEnvironment = getattr(self, "environ", {})
            return environ.get(RECORDED)

    return _Request
