"""The mock server refuses what TGI refuses, in its order and its words."""

from typing import Any

import httpx
import pytest

from test.service.mock_calls import PROMPT, generate, stream
from test.support.mock_tgi import MockTGI

JSON_TYPE = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("content", "headers", "status", "text"),
    [
        (b"{", JSON_TYPE, 400, "Failed to parse the request body as JSON"),
        pytest.param(
            b"[" * 100_000, JSON_TYPE, 400, "Failed to parse the request body as JSON", id="deep"
        ),
        (b'{"inputs": "\\ud800"}', JSON_TYPE, 400, "Failed to parse the request body as JSON"),
        (b"{}", {}, 415, "Expected request with `Content-Type: application/json`"),
        pytest.param(b"x" * 2_000_001, JSON_TYPE, 413, "length limit exceeded", id="long"),
    ],
)
@pytest.mark.parametrize("path", ["/", "/generate", "/generate_stream", "/v1/chat/completions"])
def test_refusals_that_are_not_json(
    http: httpx.Client, path: str, content: bytes, headers: Any, status: int, text: str
) -> None:
    response = http.post(path, content=content, headers=headers)

    assert response.status_code == status
    assert response.headers["Content-Type"].startswith("text/plain")
    assert response.text.startswith(text)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({}, "missing field `inputs`"),
        ([], "invalid type"),
        ({"inputs": None}, "inputs: invalid type: null"),
        ({"inputs": ["a"]}, "inputs: invalid type: sequence"),
        ({"inputs": "a", "parameters": None}, "parameters: invalid type: null"),
        ({"inputs": "a", "parameters": {"stop": None}}, "parameters.stop: invalid type: null"),
        ({"inputs": "a", "parameters": {"stop": [1]}}, "parameters.stop: invalid type: integer"),
        ({"inputs": "a", "parameters": {"do_sample": None}}, "parameters.do_sample"),
        ({"inputs": "a", "parameters": {"details": "yes"}}, "parameters.details"),
        ({"inputs": "a", "parameters": {"temperature": "hot"}}, "parameters.temperature"),
        ({"inputs": "a", "parameters": {"top_k": 1.5}}, "parameters.top_k"),
        ({"inputs": "a", "parameters": {"max_new_tokens": -1}}, "parameters.max_new_tokens"),
        ({"inputs": "a", "parameters": {"seed": True}}, "parameters.seed"),
        ({"inputs": "a", "parameters": {"grammar": "x"}}, "parameters.grammar"),
        ({"inputs": "a", "parameters": {"grammar": {"type": "x"}}}, "parameters.grammar"),
        ({"inputs": "a", "parameters": {"grammar": {"type": "json"}}}, "missing field `value`"),
        ({"inputs": "a", "parameters": {"adapter_id": {}}}, "parameters.adapter_id"),
        ({"inputs": "a", "stream": None}, "stream"),
    ],
)
def test_wrong_shape_is_422_and_plain_text(http: httpx.Client, body: Any, reason: str) -> None:
    response = http.post("/", json=body)

    assert response.status_code == 422
    assert response.text.startswith("Failed to deserialize the JSON body into the target type: ")
    assert reason in response.text


def test_null_stands_for_an_absent_parameter_where_tgi_allows_it(http: httpx.Client) -> None:
    """The client of the original service spells out every parameter."""
    unset: dict[str, Any] = dict.fromkeys(
        [
            "best_of",
            "frequency_penalty",
            "grammar",
            "repetition_penalty",
            "seed",
            "temperature",
            "top_k",
            "top_n_tokens",
            "top_p",
            "truncate",
            "typical_p",
        ]
    )
    spelled_out: dict[str, Any] = {
        "do_sample": False,
        "max_new_tokens": 20,
        "stop": [],
        "details": True,
    }

    assert generate(http, **(spelled_out | unset))["details"]["generated_tokens"] == 20


def refusal(http: httpx.Client, path: str = "/generate", **parameters: Any) -> str:
    inputs = parameters.pop("inputs", PROMPT)
    response = http.post(path, json={"inputs": inputs, "parameters": parameters})
    assert response.status_code == 422, response.text
    assert response.json()["error_type"] == "validation"
    prefix, _, reason = response.json()["error"].partition("Input validation error: ")
    assert prefix == ""
    return str(reason)


IN_ORDER: list[tuple[dict[str, Any], str]] = [
    ({"best_of": 3}, "`best_of` must be > 0 and <= 2. Given: 3"),
    ({"best_of": 2}, "you must use sampling when `best_of` is > 1"),
    ({"temperature": 0}, "`temperature` must be strictly positive"),
    ({"repetition_penalty": 0}, "`repetition_penalty` must be strictly positive"),
    ({"frequency_penalty": 3}, "`frequency_penalty` must be >= -2.0 and <= 2.0"),
    ({"top_p": 1.0}, "`top_p` must be > 0.0 and < 1.0"),
    ({"typical_p": 0}, "`typical_p` must be > 0.0 and < 1.0"),
    ({"top_k": 0}, "`top_k` must be strictly positive"),
    ({"max_new_tokens": 0}, "`max_new_tokens` must be strictly positive"),
    ({"stop": list("abcde")}, "`stop` supports up to 4 stop sequences. Given: 5"),
    ({"top_n_tokens": 6}, "`top_n_tokens` must be >= 0 and <= 5. Given: 6"),
    ({"inputs": ""}, "`inputs` cannot be empty"),
    ({"truncate": 0}, "`truncate` must be strictly positive and less than 4095. Given: 0"),
]


@pytest.mark.parametrize(("parameters", "reason"), IN_ORDER)
def test_rule(http: httpx.Client, parameters: Any, reason: str) -> None:
    assert refusal(http, **parameters) == reason


@pytest.mark.parametrize("first", range(2, len(IN_ORDER) - 1))
def test_rules_are_checked_in_tgi_s_order(http: httpx.Client, first: int) -> None:
    both = IN_ORDER[first][0] | IN_ORDER[first + 1][0]

    assert refusal(http, **both) == IN_ORDER[first][1]


def test_rules_of_best_of(http: httpx.Client) -> None:
    assert refusal(http, best_of=2, do_sample=True, seed=1) == (
        "`seed` must not be set when `best_of` > 1"
    )
    with MockTGI(max_best_of=1) as tgi, httpx.Client(base_url=tgi.url) as other:
        assert refusal(other, best_of=2) == "`best_of` != 1 is not allowed for this endpoint"


def test_rules_of_length() -> None:
    with (
        MockTGI(max_input_tokens=10, max_total_tokens=12) as tgi,
        httpx.Client(base_url=tgi.url) as http,
    ):
        assert refusal(http, inputs="a b c d e", max_new_tokens=8) == (
            "`inputs` tokens + `max_new_tokens` must be <= 12. "
            "Given: 5 `inputs` tokens and 8 `max_new_tokens`"
        )
        assert refusal(http, inputs="a b c d e f g h i j k", max_new_tokens=1) == (
            "`inputs` must have less than 10 tokens. Given: 11"
        )
        assert generate(http, "a b c d e f g h i j k l m", max_new_tokens=2, truncate=10)
        answer = generate(http, "a b c d e", details=True)
        assert answer["details"]["generated_tokens"] == 7


def test_rules_of_grammars(http: httpx.Client) -> None:
    assert refusal(http, grammar={"type": "regex", "value": "a+"}) == "grammar is not supported"
    assert "properties" in refusal(http, grammar={"type": "json", "value": {}})
    assert "grammar is not valid" in refusal(http, grammar={"type": "json", "value": "{"})
    assert "grammar is not valid" in refusal(http, grammar={"type": "json_schema", "value": {}})


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"best_of": 2}, "`best_of` != 1 is not supported when streaming tokens"),
        (
            {"decoder_input_details": True},
            "`decoder_input_details` == true is not supported when streaming tokens",
        ),
        ({"temperature": 0}, "`temperature` must be strictly positive"),
    ],
)
def test_broken_rule_is_an_event_of_the_stream(
    http: httpx.Client, parameters: Any, reason: str
) -> None:
    assert stream(http, **parameters) == [
        {"error": f"Input validation error: {reason}", "error_type": "validation"}
    ]
