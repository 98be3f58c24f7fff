"""Which containers a subscription's ``containerId`` hash stands for."""

from collections.abc import Iterator, Sequence
from itertools import islice, permutations

from infernet_protocol.hashing import container_id

DEFAULT_LIMIT = 10_000


class ContainerLookup:
    """Finds the pipeline behind a hash among the node's containers.

    A hash cannot be reversed, so pipelines (ordered selections without repetition) are hashed
    until one fits: shortest first, each at most once, and no more than ``limit`` of them,
    since their number grows factorially with the containers.

    Args:
        containers: configured container ids.
        limit: pipelines hashed at most; 10,000 cover every pipeline of 6 containers, and
            those of up to 4 stages of 10.
    """

    def __init__(self, containers: Sequence[str], limit: int = DEFAULT_LIMIT) -> None:
        self._known: dict[bytes, tuple[str, ...]] = {}
        self._unhashed = islice(_pipelines(containers), limit)

    def containers(self, hashed: bytes) -> tuple[str, ...] | None:
        """Returns the pipeline in order of execution, ``None`` if it is not the node's."""
        if hashed in self._known:
            return self._known[hashed]
        for pipeline in self._unhashed:
            key = container_id(pipeline)
            self._known[key] = pipeline
            if key == hashed:
                return pipeline
        return None


def _pipelines(containers: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for length in range(1, len(containers) + 1):
        yield from permutations(containers, length)
