"""What the node counts, for Prometheus: one registry, one prefix, base units.

Counters only grow while the process lives. The chain half registers its own figures in
:attr:`Metrics.registry`, with :data:`PREFIX` as their namespace.
"""

from collections.abc import Callable, Iterable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    generate_latest,
)

from infernet_node import __version__

PREFIX = "infernet"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# Seconds. From a container that answers at once to a model that thinks for minutes.
_JOB_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)


class Metrics:
    """Every figure of one node."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(namespace=PREFIX, registry=self.registry)
        Info("build", "Version of the node.", namespace=PREFIX, registry=self.registry).info(
            {"version": __version__}
        )
        self.jobs_accepted = self._counter(
            "jobs_accepted", "Off-chain jobs taken on, by kind: job or stream.", "kind"
        )
        self.jobs_finished = self._counter(
            "jobs_finished", "Off-chain jobs that ended: success or failed.", "kind", "status"
        )
        self.jobs_claimed = self._counter(
            "jobs_claimed",
            "Jobs taken from the store: new ones of other processes, or taken over from dead ones.",
            "how",
        )
        self.wake_ups = self._counter(
            "wake_ups", "Messages between processes of a fleet: sent or heard.", "direction"
        )
        self.job_seconds = self._histogram(
            "job_duration_seconds", "From a job's acceptance to its end.", _JOB_SECONDS, "kind"
        )
        self.container_calls = self._counter(
            "container_calls",
            "Questions to a container, on-chain ones too: computed or failed.",
            "container",
            "outcome",
        )
        self.container_seconds = self._histogram(
            "container_call_duration_seconds",
            "From a question to the whole answer.",
            _JOB_SECONDS,
            "container",
        )
        self.container_calls_open = self._gauge(
            "container_calls_open", "Questions not answered yet.", "container"
        )
        self.requests = self._counter(
            "http_requests", "Answered requests of the REST interface.", "route", "status"
        )
        self.request_seconds = self._histogram(
            "http_request_duration_seconds",
            "From the head of a request to its answer, or to the start of a stream.",
            _REQUEST_SECONDS,
            "route",
        )
        self.store_writes = self._counter("store_writes", "Changes of rows, committed.")
        self.store_commit_seconds = self._histogram(
            "store_commit_duration_seconds",
            "Transactions that wrote them, each with all that was waiting.",
            _REQUEST_SECONDS,
        )

    def watch(self, name: str, about: str, read: Callable[[], float]) -> None:
        """Adds a gauge that is read whenever somebody asks."""
        self._gauge(name, about).set_function(read)

    def watch_containers(self, ids: Iterable[str], is_running: Callable[[str], bool]) -> None:
        """Adds a gauge for each container: 1 while jobs can be sent to it, else 0."""
        up = self._gauge("container_up", "Whether a container can be asked.", "container")
        for container in ids:
            up.labels(container).set_function(_truth(is_running, container))

    def text(self) -> bytes:
        """Returns all of it in the text format of Prometheus."""
        return generate_latest(self.registry)

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(name, about, labels, namespace=PREFIX, registry=self.registry)

    def _gauge(self, name: str, about: str, *labels: str) -> Gauge:
        return Gauge(name, about, labels, namespace=PREFIX, registry=self.registry)

    def _histogram(
        self, name: str, about: str, buckets: tuple[float, ...], *labels: str
    ) -> Histogram:
        return Histogram(
            name, about, labels, namespace=PREFIX, registry=self.registry, buckets=buckets
        )


def _truth(question: Callable[[str], bool], about: str) -> Callable[[], float]:
    return lambda: float(question(about))
