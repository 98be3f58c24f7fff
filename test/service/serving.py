"""The service behind gunicorn's own worker, on a thread of the test process.

Same HTTP layer as in production, but a test can reach inside: put its own clock in, read
metrics, look at threads.
"""

import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx
from gunicorn import sock  # type: ignore[import-untyped]

from test.support.mock_tgi import MockTGI
from test.support.waiting import SECONDS
from tgi_service import TGIClientInferenceWorkflow, config
from tgi_service.app import create_app
from tgi_service.call import Clock
from tgi_service.gunicorn_app import Server, ServiceLogger
from tgi_service.jobs import Desk
from tgi_service.metrics import Metrics
from tgi_service.server import start_workflow
from tgi_service.slots import JobSlots, SharedSlots
from tgi_service.worker import DrainingWorker

QUESTION = "Can shrimp actually fry rice fr?"


class FakeClock(Clock):
    """A clock that moves only when somebody waits, and remembers for how long."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.waits: list[float] = []

    def now(self) -> float:
        return self.time

    def wait(self, event: threading.Event, seconds: float) -> bool:
        self.waits.append(seconds)
        self.time += seconds
        return event.is_set()


class _WorkerOnThread(DrainingWorker):
    def init_signals(self) -> None:
        """Signals belong to the main thread of the process, which is the test's."""

    def stop(self) -> None:
        """Does what SIGTERM does."""
        self.handle_exit(15, None)


@dataclass
class Service:
    """A running service."""

    url: str
    http: httpx.Client
    desk: Desk
    worker: _WorkerOnThread
    clock: Clock = field(default_factory=Clock)

    def post(self, body: Any, **options: Any) -> httpx.Response:
        """Posts a job."""
        return self.http.post("/service_output", json=body, **options)

    def ask(self, data: Any = None, *, source: int = 1, destination: int = 1) -> httpx.Response:
        """Posts a job with the usual question."""
        data = {"text": QUESTION} if data is None else data
        return self.post({"source": source, "destination": destination, "data": data})

    def metric(self, name: str, **labels: str) -> float | None:
        """Returns the value of a metric, read where Prometheus reads it."""
        wanted = {f'{label}="{value}"' for label, value in labels.items()}
        for line in self.http.get("/metrics").text.splitlines():
            series, _, value = line.rpartition(" ")
            found, _, given = series.partition("{")
            if found == name and wanted <= set(given.rstrip("}").split(",")):
                return float(value)
        return None


class Unprobed(TGIClientInferenceWorkflow):
    """Starts whatever its server would say, and without a request to it."""

    def do_setup(self) -> None:
        """Asks nothing."""


class StartService(Protocol):
    """Starts a service; other keywords are variables, see ``environment``."""

    def __call__(
        self,
        *,
        clock: Clock | None = None,
        per_worker: int = 128,
        workflow_class: type[TGIClientInferenceWorkflow] = TGIClientInferenceWorkflow,
        **variables: Any,
    ) -> Service: ...


@contextmanager
def serve(
    environment: Mapping[str, str],
    *,
    clock: Clock | None = None,
    workflow_class: type[TGIClientInferenceWorkflow] = TGIClientInferenceWorkflow,
    per_worker: int = 128,
) -> Iterator[Service]:
    """Runs the service as ``tgi-service`` would with this environment."""
    settings = config.load(environment)
    workflow = start_workflow(settings, workflow_class)
    limit = settings.max_concurrency
    shared = None if limit is None else SharedSlots(limit)
    desk = Desk(
        workflow=workflow,
        settings=settings,
        metrics=Metrics("test"),
        slots=JobSlots(per_worker, shared),
        clock=clock or Clock(),
    )
    with running(desk) as service:
        yield service
    if shared is not None:
        shared.close()


@contextmanager
def running(desk: Desk) -> Iterator[Service]:
    """Runs a worker around a desk."""
    server = Server(lambda: create_app(desk), addresses=["127.0.0.1:0"], workers=1)
    log = ServiceLogger(server.cfg)
    sockets = sock.create_sockets(server.cfg, log)
    host, port = sockets[0].getsockname()
    worker = _WorkerOnThread(0, os.getppid(), sockets, server, 100, server.cfg, log)
    thread = threading.Thread(target=worker.init_process, daemon=True)
    thread.start()
    url = f"http://{host}:{port}"
    try:
        # gunicorn closes idle connections after two seconds, and one that is just being closed
        # takes no request: on a busy machine two may lie that far apart.
        limits = httpx.Limits(keepalive_expiry=1)
        with httpx.Client(base_url=url, timeout=SECONDS, limits=limits) as http:
            yield Service(url, http, desk, worker, desk.clock)
    finally:
        worker.stop()
        thread.join()
        worker.tmp.close()


def environment(tgi: MockTGI, **variables: Any) -> dict[str, str]:
    """Returns an environment that points to a server and waits for nothing.

    Args:
        variables: by their names without ``TGI_INF_``; other than text is turned into JSON.
    """
    values = {
        "WORKFLOW_POSITIONAL_ARGS": [tgi.url, SECONDS],
        "WORKFLOW_KW_ARGS": {"retry_params": {"delay": 0, "jitter": 0}},
        **variables,
    }
    return {
        f"TGI_INF_{name}": value if isinstance(value, str) else json.dumps(value)
        for name, value in values.items()
    }
