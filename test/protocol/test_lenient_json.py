import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infernet_protocol.lenient_json import LenientJsonError, loads

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


def decorated(value: Any) -> str:
    """The same value with a comment and a trailing comma wherever they are allowed."""
    if isinstance(value, list) and value:
        return "[" + "".join(f"{decorated(item)} /* , ] */ , // }}\n" for item in value) + "]"
    if isinstance(value, dict) and value:
        pairs = (f"{json.dumps(key)}: {decorated(item)},\n" for key, item in value.items())
        return "{ // {\n" + "".join(pairs) + "/* */}"
    return json.dumps(value)


@given(json_values)
def test_comments_and_trailing_commas_change_nothing(value: Any) -> None:
    assert loads(decorated(value)) == value


@given(json_values)
def test_plain_json_is_read_as_it_is(value: Any) -> None:
    assert loads(json.dumps(value)) == value


def test_a_parameter_file_with_comments_is_read() -> None:
    text = """{
    "active_at": 0, // Instantly active
    "containers": ["SERVICE_NAME"], // comma-separated list of containers
    "verifier": "0x0000000000000000000000000000000000000000", /* none */
}"""

    assert loads(text) == {
        "active_at": 0,
        "containers": ["SERVICE_NAME"],
        "verifier": "0x0000000000000000000000000000000000000000",
    }


@pytest.mark.parametrize(
    "text", ['{"url": "http://a//b"}', '{"a": "/* no comment */"}', '{"a": "\\", // }"}', '["a,]"]']
)
def test_strings_are_left_alone(text: str) -> None:
    assert loads(text) == json.loads(text)


def test_a_byte_order_mark_is_ignored() -> None:
    assert loads("\ufeff{}") == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{\n  // first\n  'a': 1\n}", "line 3, column 3: expecting property name"),
        ('{"a": 1 /* open', "line 1, column 9: expecting ',' delimiter"),
        ("[1,,]", "line 1, column 4: expecting value"),
        ("[,]", "line 1, column 2: expecting value"),
        ("{,}", "line 1, column 2: expecting property name"),
        ("1,", "line 1, column 2: extra data"),
        ("", "line 1, column 1: expecting value"),
        ('{"a": "open}', "line 1, column 7: unterminated string"),
        ('{"a": NaN}', "NaN is not JSON"),
        pytest.param(100_000 * "[", "nested too deeply", id="deep"),
        pytest.param(5_000 * "1", "a number has too many digits", id="long"),
    ],
)
def test_anything_else_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(LenientJsonError, match=message):
        loads(text)
