"""Which containers a subscription's ``containerId`` hash stands for."""

from collections.abc import Iterator, Sequence
from itertools import islice, permutations
from threading import Lock

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
        self._hashing = Lock()

    def prepare(self) -> None:
        """Hashes everything ahead, which takes up to half a second; for a thread."""
        self.containers(b"")

    def containers(self, hashed: bytes) -> tuple[str, ...] | None:
        """Returns the pipeline in order of execution, ``None`` if it is not the node's."""
        if hashed in self._known:
            return self._known[hashed]
        with self._hashing:
            for pipeline in self._unhashed:
                key = container_id(pipeline)
                self._known[key] = pipeline
                if key == hashed:
                    return pipeline
        # Another thread may have hashed it meanwhile.
        return self._known.get(hashed)


def _pipelines(containers: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for length in range(1, len(containers) + 1):
        yield from permutations(containers, length)
