"""From the hash of a pipeline to its containers."""

import pytest

from infernet_node.chain.lookup import ContainerLookup
from infernet_protocol.hashing import container_id

HELLO = bytes.fromhex("5768661526084c7b4d30f7224ed6c74ade98db3c6c395c55400a17f34a547e22")
A_B = bytes.fromhex("0deeac3a841600829c99f8116bb997da266d4c47a720b00e6ace9594de82dd54")


def test_published_hashes() -> None:
    assert ContainerLookup(["hello-world"]).containers(HELLO) == ("hello-world",)
    assert ContainerLookup(["b", "a"]).containers(A_B) == ("a", "b")


@pytest.mark.parametrize("pipeline", ["a", "c", "a,b", "b,a", "c,a,b"])
def test_every_order_of_the_containers_is_found(pipeline: str) -> None:
    lookup = ContainerLookup(["a", "b", "c"])
    assert lookup.containers(container_id(pipeline)) == tuple(pipeline.split(","))


@pytest.mark.parametrize("pipeline", ["d", "a,a", "a,b,c,d"])
def test_what_is_not_of_this_node_is_not_found(pipeline: str) -> None:
    lookup = ContainerLookup(["a", "b", "c"])
    assert lookup.containers(container_id(pipeline)) is None
    assert lookup.containers(container_id("a")) == ("a",)


def test_w_28_no_more_pipelines_are_hashed_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    hashed = []

    def counting(pipeline: tuple[str, ...]) -> bytes:
        hashed.append(pipeline)
        return container_id(pipeline)

    monkeypatch.setattr("infernet_node.chain.lookup.container_id", counting)
    names = [f"container-{number}" for number in range(30)]
    lookup = ContainerLookup(names, limit=500)

    for _ in range(3):
        assert lookup.containers(bytes(32)) is None

    assert len(hashed) == 500
    assert lookup.containers(container_id(names[29])) == (names[29],)


def test_ten_containers_are_covered_up_to_four_stages() -> None:
    names = [f"c{number}" for number in range(10)]
    lookup = ContainerLookup(names)
    assert lookup.containers(container_id(names[9:5:-1])) == ("c9", "c8", "c7", "c6")


def test_a_node_without_containers_knows_none() -> None:
    assert ContainerLookup([]).containers(HELLO) is None
