"""What ``GET /metrics`` tells: TGI's counters, gauges and histograms."""

import threading
from collections import Counter
from collections.abc import Iterator

_ERRORS = {
    "incomplete_generation": "incomplete",
    "incomplete_generation_stream": "incomplete",
    "template_error": "template",
    "tool_error": "tool_error",
}
"""Labels of failures, where they are not the ``error_type``."""
_GAUGES = (
    "tgi_queue_size",
    "tgi_batch_current_size",
    "tgi_batch_current_max_tokens",
    "tgi_batch_max_total_tokens",
)
_BATCH_COUNTERS = (
    "tgi_batch_inference_count",
    "tgi_batch_inference_success",
    "tgi_batch_inference_failure",
    "tgi_batch_concat",
)
_HISTOGRAMS = (
    "tgi_request_duration",
    "tgi_request_validation_duration",
    "tgi_request_queue_duration",
    "tgi_request_inference_duration",
    "tgi_request_mean_time_per_token_duration",
    "tgi_request_generated_tokens",
    "tgi_request_input_length",
    "tgi_request_max_new_tokens",
    "tgi_request_skipped_tokens",
    "tgi_batch_next_size",
    "tgi_batch_inference_duration",
    "tgi_batch_forward_duration",
    "tgi_batch_decode_duration",
    "tgi_batch_filter_duration",
    "tgi_batch_concat_duration",
)
_BUCKETS = (0.1, 1, 10, 100, 1000, 10_000)


class _Histogram:
    def __init__(self) -> None:
        self._below = [0] * len(_BUCKETS)
        self._count = 0
        self._sum = 0.0

    def observe(self, value: float) -> None:
        self._count += 1
        self._sum += value
        for position, bound in enumerate(_BUCKETS):
            self._below[position] += value <= bound

    def lines(self, name: str) -> Iterator[str]:
        yield f"# TYPE {name} histogram"
        for bound, below in zip(_BUCKETS, self._below, strict=True):
            yield f'{name}_bucket{{le="{bound:g}"}} {below}'
        yield f'{name}_bucket{{le="+Inf"}} {self._count}'
        yield f"{name}_sum {self._sum}"
        yield f"{name}_count {self._count}"


class Meters:
    """Counts requests and what became of them. A mock has no batches: those stay at 0."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests = 0
        self._successes = 0
        self._failures: Counter[str] = Counter()
        self._histograms = {name: _Histogram() for name in _HISTOGRAMS}

    def began(self) -> None:
        """Counts a request."""
        with self._lock:
            self._requests += 1

    def failed(self, error_type: str) -> None:
        """Counts a request that ends with an error of TGI."""
        with self._lock:
            self._failures[_ERRORS.get(error_type, error_type)] += 1

    def succeeded(self, *, seconds: float, input_length: int, generated: int, budget: int) -> None:
        """Counts a request that was answered.

        Args:
            input_length: tokens of the prompt.
            generated: tokens of the answer.
            budget: tokens it might have had.
        """
        observed = {
            "tgi_request_duration": seconds,
            "tgi_request_inference_duration": seconds,
            "tgi_request_validation_duration": 0.0,
            "tgi_request_queue_duration": 0.0,
            "tgi_request_mean_time_per_token_duration": seconds / generated,
            "tgi_request_generated_tokens": generated,
            "tgi_request_input_length": input_length,
            "tgi_request_max_new_tokens": budget,
            "tgi_request_skipped_tokens": 0,
        }
        with self._lock:
            self._successes += 1
            for name, value in observed.items():
                self._histograms[name].observe(value)

    def render(self) -> str:
        """Returns the text of ``GET /metrics``."""
        with self._lock:
            return "".join(f"{line}\n" for line in self._lines())

    def _lines(self) -> Iterator[str]:
        yield "# TYPE tgi_request_count counter"
        yield f"tgi_request_count {self._requests}"
        yield "# TYPE tgi_request_success counter"
        yield f"tgi_request_success {self._successes}"
        yield "# TYPE tgi_request_failure counter"
        for label, count in self._failures.items():
            yield f'tgi_request_failure{{err="{label}"}} {count}'
        for name in _BATCH_COUNTERS:
            yield f"# TYPE {name} counter"
            yield f"{name} 0"
        for name in _GAUGES:
            yield f"# TYPE {name} gauge"
            yield f"{name} 0"
        for name, histogram in self._histograms.items():
            yield from histogram.lines(name)
