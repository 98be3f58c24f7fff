"""From a recorded input to the bytes of a delivery, through the containers."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from infernet_node.chain.delegations import Delegation
from infernet_node.chain.fulfilments import Fulfilment
from infernet_node.chain.lookup import ContainerLookup
from infernet_protocol.messages import JobLocation
from infernet_protocol.output import Delivery, MalformedOutputError, delivery_from_answer


class Outcome(Protocol):
    """What the containers made of an input."""

    @property
    def error(self) -> str | None: ...

    @property
    def refused(self) -> bool: ...

    @property
    def answer(self) -> Any: ...


class RunPipeline(Protocol):
    """Runs containers one after the other; failures are results, not raised."""

    def __call__(
        self,
        containers: Sequence[str],
        *,
        source: JobLocation,
        data: Any,
        destination: JobLocation,
        requires_proof: bool,
        request_id: str,
    ) -> Awaitable[Outcome]: ...


class ContainerFailedError(Exception):
    """The containers gave no answer that can be delivered; they may the next time."""


class ContainerRefusedError(Exception):
    """A container finds fault with the input itself; asking again is of no use."""


class UnknownContainersError(Exception):
    """The hash stands for no pipeline of this node, at least not any more."""


class Compute:
    """Runs pipelines for the chain.

    Args:
        max_running: pipelines at the same time; more wait.
        is_running: whether a container can be asked.
    """

    def __init__(
        self,
        lookup: ContainerLookup,
        run: RunPipeline,
        max_running: int,
        is_running: Callable[[str], bool],
    ) -> None:
        self.pending = 0
        """Pipelines running now."""
        self._lookup = lookup
        self._run = run
        self._free = asyncio.Semaphore(max_running)
        self._is_running = is_running

    def down(self, row: Fulfilment) -> list[str]:
        """Returns the containers of a row that cannot be asked now."""
        containers = self._lookup.containers(row.subscription.container_id) or ()
        return [container for container in containers if not self._is_running(container)]

    async def deliverable(self, row: Fulfilment, delegation: Delegation | None) -> Delivery:
        """Runs the pipeline of a row whose inputs are recorded.

        Raises:
            ContainerFailedError: a container failed, or answered with something else than hex.
            ContainerRefusedError: a container will not answer this input.
            UnknownContainersError: the configuration has changed since it was accepted.
        """
        containers = self._lookup.containers(row.subscription.container_id)
        if containers is None:
            raise UnknownContainersError
        async with self._free:
            self.pending += 1
            try:
                outcome = await self._run(
                    containers,
                    source=JobLocation.OFFCHAIN if delegation else JobLocation.ONCHAIN,
                    data=delegation.data if delegation else (row.inputs or b"").hex(),
                    destination=JobLocation.ONCHAIN,
                    requires_proof=row.subscription.requires_proof,
                    request_id=f"{row.label}/{row.interval}",
                )
            finally:
                self.pending -= 1
        if outcome.error is not None and outcome.refused:
            raise ContainerRefusedError(outcome.error)
        if outcome.error is not None:
            raise ContainerFailedError(outcome.error)
        try:
            return delivery_from_answer(outcome.answer)
        except MalformedOutputError as error:
            raise ContainerFailedError(str(error)) from error
