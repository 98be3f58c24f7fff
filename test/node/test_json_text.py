"""JSON of strangers."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infernet_node.json_text import JsonTextError, parse, serialise

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**256), 2**256)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_round_trip(value: Any) -> None:
    assert parse(serialise(value)) == value
    assert json.loads(serialise(value)) == value


@pytest.mark.parametrize("number", [2**64, 2**256 - 1, -(2**255), 10**300])
def test_long_integers_stay_exact(number: int) -> None:
    assert parse(str(number).encode()) == number
    assert serialise(number) == str(number).encode()


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"{'a': 1}",
        b"\xff",
        b"NaN",
        b"[Infinity]",
        b'{"a": 1e400}',
        b"1" * 5000,
        b"[" * 300 + b"]" * 300,
        b'"\\ud800"',
    ],
    ids=repr,
)
def test_refused(text: bytes) -> None:
    with pytest.raises(JsonTextError):
        parse(text)


def test_the_place_of_a_fault_is_named() -> None:
    with pytest.raises(JsonTextError, match="line 2 column 6"):
        parse(b'{\n "a" 1}')


def test_the_word_infinity_is_a_text_like_any_other() -> None:
    assert parse(b'{"a": "-Infinity"}') == {"a": "-Infinity"}
