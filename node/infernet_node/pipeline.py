"""Containers one after the other, each on the answer of the one before."""

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import Any

from infernet_node.containers.calls import ContainerCallError, ContainerClient
from infernet_node.containers.endpoint import Endpoint
from infernet_node.metrics import Metrics
from infernet_protocol.messages import (
    ContainerError,
    ContainerInput,
    ContainerOutput,
    ContainerResult,
    JobLocation,
)

OnResult = Callable[[list[ContainerResult]], Awaitable[None]]
"""Told all results so far after each container but the last."""


@dataclass(frozen=True, slots=True)
class PipelineOutcome:
    """What came of a pipeline."""

    results: list[ContainerResult]
    """Of every container that ran, in order; a failed one is last."""
    refused: bool = False
    """Whether a container found fault with its input, so that running again is of no use."""

    @property
    def failed(self) -> bool:
        return self.error is not None

    @property
    def error(self) -> str | None:
        """Why the pipeline failed; ``None`` if it did not."""
        return _error(self.results[-1])

    @property
    def answer(self) -> Any:
        """The last container's answer; ``None`` if the pipeline failed."""
        return _output(self.results[-1])


class Pipeline:
    """Runs containers by id.

    Args:
        endpoints: every configured container by id.
        client: connections to them; stays the caller's to close.
    """

    def __init__(
        self,
        endpoints: Mapping[str, Endpoint],
        client: ContainerClient,
        metrics: Metrics | None = None,
    ) -> None:
        self._endpoints = endpoints
        self._client = client
        self._metrics = metrics or Metrics()

    async def run(
        self,
        containers: Sequence[str],
        *,
        source: JobLocation,
        data: Any,
        destination: JobLocation,
        requires_proof: bool,
        request_id: str,
        recorded: Sequence[ContainerResult] = (),
        on_result: OnResult | None = None,
    ) -> PipelineOutcome:
        """Runs a pipeline to its end or to the first failure. Failures are results, not raised.

        Args:
            containers: ids in order of execution, at least one.
            data: input of the first container: an object, or hex text from the chain.
            request_id: by which containers' logs name the request.
            recorded: answers of an earlier, interrupted run; those containers are not run again.
            on_result: awaited after each container but the last, before the next one starts.
        """
        results: list[ContainerResult] = list(recorded)
        for hop in range(len(recorded), len(containers)):
            last = hop == len(containers) - 1
            question: ContainerInput = {
                "source": int(source if hop == 0 else JobLocation.OFFCHAIN),
                "destination": int(destination if last else JobLocation.OFFCHAIN),
                "data": _output(results[-1]) if hop else data,
                "requires_proof": requires_proof,
            }
            try:
                with self._measured(containers[hop]) as endpoint:
                    answer = await self._client.ask(endpoint, question, request_id)
            except ContainerCallError as error:
                results.append(ContainerError(container=containers[hop], error=str(error)))
                return PipelineOutcome(results, refused=error.refused)
            result: ContainerResult = ContainerOutput(container=containers[hop], output=answer)
            if last and destination is JobLocation.ONCHAIN:
                result = _without_error_code(result)
            results.append(result)
            if on_result and not last:
                await on_result(results)
        return PipelineOutcome(results)

    async def stream(
        self, container: str, data: dict[str, Any], request_id: str
    ) -> AsyncGenerator[bytes, None]:
        """Yields the pieces of one container's streamed answer as they come.

        Raises:
            ContainerCallError: if the container fails, at the start or in between.
        """
        question: ContainerInput = {
            "source": int(JobLocation.OFFCHAIN),
            "destination": int(JobLocation.STREAM),
            "data": data,
        }
        with self._measured(container) as endpoint:
            async with aclosing(self._client.stream(endpoint, question, request_id)) as pieces:
                async for piece in pieces:
                    yield piece

    @contextmanager
    def _measured(self, container: str) -> Iterator[Endpoint]:
        endpoint = self._endpoint(container)
        still_open = self._metrics.container_calls_open.labels(container)
        began, outcome = time.monotonic(), "failed"
        still_open.inc()
        try:
            yield endpoint
            outcome = "computed"
        finally:
            still_open.dec()
            self._metrics.container_calls.labels(container, outcome).inc()
            self._metrics.container_seconds.labels(container).observe(time.monotonic() - began)

    def _endpoint(self, container: str) -> Endpoint:
        try:
            return self._endpoints[container]
        except KeyError:
            # Admission checked it; the configuration changed while the job was interrupted.
            raise ContainerCallError("Container is no longer configured") from None


def _error(result: Mapping[str, Any]) -> str | None:
    return result.get("error")


def _output(result: Mapping[str, Any]) -> Any:
    return result.get("output")


def _without_error_code(result: ContainerResult) -> ContainerResult:
    """Takes an on-chain answer such as ``{"code": "500", ...}`` for the error it reports."""
    answer = _output(result)
    if not isinstance(answer, dict) or answer.get("code") in (None, "200"):
        return result
    description = answer.get("description")
    text = description if isinstance(description, str) and description else None
    return ContainerError(
        container=result["container"],
        error=text or f"Container answered with error code {str(answer['code'])[:40]}",
    )
