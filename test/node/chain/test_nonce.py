"""Nonces are handed out once, and gaps among them are found."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infernet_node.chain.nonce import NonceCounter, gaps


@given(st.integers(0, 50), st.lists(st.integers(0, 100), max_size=20))
def test_no_nonce_is_handed_out_twice_whatever_the_chain_says(first: int, said: list[int]) -> None:
    counter = NonceCounter(first)
    handed_out: list[int] = []
    for nonce in said:
        counter.raise_to(nonce)
        with counter.taking() as taken:
            handed_out.append(taken)

    assert handed_out == sorted(set(handed_out))
    assert all(nonce >= first for nonce in handed_out)


def test_a_nonce_is_known_as_taken_until_it_is_recorded() -> None:
    counter = NonceCounter(7)
    with counter.taking() as first, counter.taking() as second:
        assert (first, second) == (7, 8)
        assert counter.taken == {7, 8}
    assert counter.taken == frozenset()
    assert counter.next == 9


def test_a_nonce_whose_record_failed_is_not_handed_out_again() -> None:
    counter = NonceCounter(0)
    with pytest.raises(OSError, match="disk"), counter.taking():
        raise OSError("disk full")
    assert counter.taken == frozenset()
    assert counter.next == 1


@pytest.mark.parametrize(
    ("mined", "pending", "in_flight", "expected"),
    [
        (0, 0, [], []),
        (3, 3, [3, 4, 5], []),
        (3, 3, [3, 5], [4]),
        (3, 3, [6], [3, 4, 5]),
        (3, 5, [6], [5]),
        (7, 7, [3, 4], []),
    ],
    ids=["idle", "a row", "one hole", "the first are missing", "foreign ones wait", "all mined"],
)
def test_gaps(mined: int, pending: int, in_flight: list[int], expected: list[int]) -> None:
    assert gaps(mined, pending, in_flight) == expected
