"""Prometheus metrics of the service.

With several worker processes each writes to files that any of them can sum up. The client
library chooses that mode when it is first imported, by ``PROMETHEUS_MULTIPROC_DIR``.
"""

import os

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from tgi_service.multiprocess import DIRECTORY_VARIABLE

CONTENT_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160)


class Metrics:
    """All metrics, by what they count."""

    def __init__(self, version: str) -> None:
        self._registry = CollectorRegistry()
        self.jobs = Counter(
            "tgi_service_jobs_total",
            "Jobs by source, destination and HTTP status; cancelled: the caller left",
            ["source", "destination", "status"],
            registry=self._registry,
        )
        self.attempts = Counter(
            "tgi_service_tgi_requests_total",
            "Requests for text sent to TGI, retries included",
            registry=self._registry,
        )
        self.retries = Counter(
            "tgi_service_tgi_retries_total",
            "Requests for text sent to TGI because one before had failed",
            registry=self._registry,
        )
        self.failures = Counter(
            "tgi_service_tgi_errors_total",
            "Requests for text that TGI did not answer with text, by class of error",
            ["error"],
            registry=self._registry,
        )
        self.tokens = Counter(
            "tgi_service_generated_tokens_total",
            "Tokens generated, as reported by TGI",
            registry=self._registry,
        )
        self.job_seconds = Histogram(
            "tgi_service_job_duration_seconds",
            "Time from a job's arrival to the end of its answer",
            ["destination"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.first_token_seconds = Histogram(
            "tgi_service_first_token_seconds",
            "Time from the arrival of a job that is streamed to its first text",
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.tgi_seconds = Histogram(
            "tgi_service_tgi_duration_seconds",
            "Time a job spent waiting for TGI, waits between attempts excluded",
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.in_flight = Gauge(
            "tgi_service_jobs_in_flight",
            "Jobs running now",
            multiprocess_mode="livesum",
            registry=self._registry,
        )
        Gauge(
            "tgi_service_info",
            "Version of the service",
            ["version"],
            multiprocess_mode="max",
            registry=self._registry,
        ).labels(version).set(1)

    def families(self) -> list[Metric]:
        """Returns the metrics of this process alone, with their present values."""
        return list(self._registry.collect())

    def render(self) -> bytes:
        """Returns the text of ``GET /metrics``, summed over all workers."""
        registry = self._registry
        if DIRECTORY_VARIABLE in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
