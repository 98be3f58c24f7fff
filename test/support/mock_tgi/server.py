"""Runs the application in this process, on a thread per connection."""

import ssl
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from werkzeug.serving import make_server

from test.support.mock_tgi.connections import Connections, request_class
from test.support.mock_tgi.routes import create_app
from test.support.mock_tgi.scripting import Behaviour, Recorded, Script
from test.support.mock_tgi.settings import Settings
from test.support.waiting import SECONDS


class MockTGI:
    """A running mock server; a context manager that stops it.

    Args:
        host: address to listen on.
        port: TCP port, 0 for a free one.
        settings: what the operator chose; keywords override single settings.
        tls: certificate and key, for HTTPS.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        settings: Settings | None = None,
        tls: ssl.SSLContext | None = None,
        **overrides: Any,
    ) -> None:
        self.settings = settings or Settings(**overrides)
        self._script = Script()
        self._connections = Connections()
        app = create_app(self.settings, self._script)
        self._server = make_server(
            host,
            port,
            app,
            threaded=True,
            request_handler=request_class(self._script, self._connections),
            ssl_context=tls,
        )
        # Many callers may connect in the same instant.
        self._server.socket.listen(1024)
        self.url = f"{'https' if tls else 'http'}://{host}:{self._server.server_port}"
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
        self._connections.close()
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

    def wait_for(self, condition: Callable[["MockTGI"], bool], timeout: float = SECONDS) -> None:
        """Blocks until a condition on the requests holds; it is looked at after each change.

        Raises:
            TimeoutError: if it does not hold within ``timeout`` seconds.
        """
        self._script.wait_for(lambda: condition(self), timeout)

    def _serve(self) -> None:
        self._server.serve_forever(poll_interval=0.05)
