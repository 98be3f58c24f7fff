"""The dual shape of a text result."""

import copy
import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infernet_client.results import TextOutput, shaped


@given(st.text())
def test_a_text_is_a_string_and_answers_like_its_object(text: str) -> None:
    assert isinstance(TextOutput(text), str)
    output: Any = TextOutput(text)

    assert output == text
    assert output["output"] == output.get("output") == text
    assert type(output["output"]) is str
    assert "output" in output
    assert list(output.keys()) == ["output"]
    assert dict(output) == {"output": text}
    assert json.dumps(output) == json.dumps(text)


@given(st.text(min_size=1))
def test_it_stays_a_string_to_index_search_and_copy(text: str) -> None:
    output = TextOutput(text)

    assert output[0] == text[0]
    assert output[:2] == text[:2]
    assert text[-1] in output
    for same in (pickle.loads(pickle.dumps(output)), copy.deepcopy(output)):
        assert same == text
        assert isinstance(same, TextOutput)


def test_other_keys_are_not_there() -> None:
    output: Any = TextOutput("yes")

    with pytest.raises(KeyError, match="text"):
        output["text"]
    assert output.get("text") is None
    assert output.get("text", 1) == 1
    assert "text" not in output
    assert 5 not in output


@pytest.mark.parametrize(
    "output", [{"output": 1}, {"output": "a", "n": 1}, {}, [], "text", None, {"text": "a"}]
)
def test_any_other_output_is_left_alone(output: Any) -> None:
    result: Any = shaped(
        {"id": "1", "status": "success", "result": {"container": "c", "output": output}}
    )

    assert result["result"]["output"] == output
    assert not isinstance(result["result"]["output"], TextOutput)


def test_running_and_failed_results_are_left_alone() -> None:
    running: Any = {"id": "1", "status": "running", "result": None}
    failed: Any = {"id": "1", "status": "failed", "result": {"container": "c", "error": "e"}}

    assert shaped(running) == running
    assert shaped(failed) == failed


def test_the_wire_data_are_not_changed() -> None:
    wire: Any = {
        "id": "1",
        "status": "success",
        "result": {"container": "c", "output": {"output": "a"}},
        "intermediate_results": [{"container": "b", "output": {"output": "c"}}],
    }
    before = copy.deepcopy(wire)

    shaped(wire)

    assert wire == before
