"""The mock server keeps to TGI's HTTP API; what the service is tested against must be right."""

import json
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from test.support.mock_tgi import Behaviour, MockTGI, overloaded

PROMPT = "Can shrimp actually fry rice fr?"


@pytest.fixture(scope="module")
def http_of_module(tgi_of_module: MockTGI) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=tgi_of_module.url, timeout=10) as client:
        yield client


@pytest.fixture
def http(http_of_module: httpx.Client, tgi: MockTGI) -> httpx.Client:
    """A client of the server that ``tgi`` is."""
    return http_of_module


def generate(http: httpx.Client, inputs: str = PROMPT, **parameters: Any) -> dict[str, Any]:
    response = http.post("/generate", json={"inputs": inputs, "parameters": parameters})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def events(response: httpx.Response) -> list[Any]:
    found = []
    for block in response.text.split("\n\n"):
        match = re.fullmatch(r"data: ?(.*)", block)
        if match:
            found.append(match[1] if match[1] == "[DONE]" else json.loads(match[1]))
    return found


def stream(http: httpx.Client, inputs: str = PROMPT, **parameters: Any) -> list[Any]:
    body = {"inputs": inputs, "parameters": parameters}
    response = http.post("/generate_stream", json=body)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/event-stream"
    return events(response)


def test_answer_depends_on_the_prompt_and_on_nothing_else(http: httpx.Client) -> None:
    first = generate(http)

    assert generate(http) == first
    assert generate(http, "Why do cats purr?") != first
    assert {"shrimp", "rice"} <= set(re.findall(r"\w+", first["generated_text"]))
    assert first["generated_text"].endswith(".")


def test_another_model_answers_otherwise(http: httpx.Client) -> None:
    with MockTGI(seed=1) as other:
        answer = httpx.post(other.url + "/generate", json={"inputs": PROMPT, "parameters": {}})

    assert answer.json() != generate(http)


def test_seed_decides_when_sampling(http: httpx.Client) -> None:
    texts = {seed: generate(http, do_sample=True, seed=seed)["generated_text"] for seed in range(8)}

    assert len(set(texts.values())) > 1
    assert generate(http, do_sample=True, seed=3)["generated_text"] == texts[3]
    assert generate(http, seed=3)["generated_text"] == generate(http)["generated_text"]


@pytest.mark.parametrize(
    ("parameters", "reported"), [({}, False), ({"seed": 5}, False), ({"top_k": 3}, True)]
)
def test_seed_is_reported_when_sampling(
    http: httpx.Client, parameters: Any, reported: bool
) -> None:
    details = generate(http, details=True, **parameters)["details"]

    assert (details["seed"] is not None) == reported


def test_absent_parameters_mean_sampling(http: httpx.Client) -> None:
    (last,) = stream(http, details=True, max_new_tokens=1)
    assert last["details"]["seed"] is None

    texts = {
        http.post("/generate", json={"inputs": PROMPT}).json()["generated_text"] for _ in range(12)
    }
    assert len(texts) > 1


def test_length_is_honoured(http: httpx.Client) -> None:
    details = generate(http, max_new_tokens=5, details=True)["details"]

    assert (details["finish_reason"], details["generated_tokens"]) == ("length", 5)
    assert len(details["tokens"]) == 5


def test_end_of_sequence_is_a_special_token(http: httpx.Client) -> None:
    answer = generate(http, details=True)
    *others, last = answer["details"]["tokens"]

    assert answer["details"]["finish_reason"] == "eos_token"
    assert (last["text"], last["special"]) == ("</s>", True)
    assert "".join(token["text"] for token in others) == answer["generated_text"]


def test_stop_sequence_ends_the_text_and_belongs_to_it(http: httpx.Client) -> None:
    answer = generate(http, stop=[",", "never"], details=True)

    assert answer["details"]["finish_reason"] == "stop_sequence"
    assert answer["generated_text"].endswith(",")


def test_details_are_absent_unless_asked_for(http: httpx.Client) -> None:
    assert generate(http).keys() == {"generated_text"}
    details = generate(http, details=True)["details"]
    assert details.keys() == {"finish_reason", "generated_tokens", "seed", "prefill", "tokens"}
    assert details["prefill"] == []


def test_input_details(http: httpx.Client) -> None:
    prefill = generate(http, decoder_input_details=True)["details"]["prefill"]

    assert "".join(token["text"] for token in prefill) == PROMPT
    assert [token["logprob"] is None for token in prefill] == [True] + [False] * (len(prefill) - 1)


def test_alternatives(http: httpx.Client) -> None:
    details = generate(http, top_n_tokens=3, details=True, max_new_tokens=4)["details"]

    assert [len(tokens) for tokens in details["top_tokens"]] == [3] * 4
    assert [tokens[0] for tokens in details["top_tokens"]] == details["tokens"]
    assert len(stream(http, top_n_tokens=2, max_new_tokens=1)[0]["top_tokens"]) == 2


def test_best_of(http: httpx.Client) -> None:
    answer = generate(http, best_of=2, do_sample=True, details=True)

    (other,) = answer["details"]["best_of_sequences"]
    assert other["generated_text"]
    assert _mean(answer["details"]["tokens"]) >= _mean(other["tokens"])


def _mean(tokens: list[dict[str, Any]]) -> float:
    return float(sum(token["logprob"] for token in tokens) / len(tokens))


def test_truncation_keeps_the_end_of_the_prompt(http: httpx.Client) -> None:
    whole = generate(http, "cats dogs", details=True, decoder_input_details=True)
    short = generate(http, "cats dogs", truncate=1, details=True, decoder_input_details=True)

    assert len(whole["details"]["prefill"]) == 2
    assert [token["text"] for token in short["details"]["prefill"]] == [" dogs"]
    assert "cats" not in short["generated_text"]


@pytest.mark.parametrize(
    ("path", "parameters", "echoed"),
    [
        ("/generate", {}, False),
        ("/generate", {"return_full_text": True}, True),
        ("/", {}, True),
        ("/", {"return_full_text": None}, True),
        ("/", {"return_full_text": False}, False),
    ],
)
def test_echo_of_the_prompt(http: httpx.Client, path: str, parameters: Any, echoed: bool) -> None:
    answer = http.post(path, json={"inputs": PROMPT, "parameters": parameters}).json()

    answer = answer[0] if path == "/" else answer
    assert answer["generated_text"].startswith(PROMPT) == echoed


def test_root_does_not_echo_for_other_kinds_of_models() -> None:
    with MockTGI(pipeline_tag="text2text-generation") as tgi:
        (answer,) = httpx.post(tgi.url, json={"inputs": PROMPT, "parameters": {}}).json()

    assert not answer["generated_text"].startswith(PROMPT)


def test_schema_constrains_the_answer(http: httpx.Client) -> None:
    schema = {
        "properties": {
            "name": {"type": "string"},
            "age": {"type": "integer", "minimum": 3},
            "kind": {"enum": ["a", "b"]},
            "tags": {"type": "array", "items": {"type": "boolean"}},
            "none": {"type": "null"},
        }
    }

    for value in (schema, json.dumps(schema)):
        text = generate(http, grammar={"type": "json", "value": value})["generated_text"]
        answer = json.loads(text)
        assert (answer["age"], answer["kind"], answer["tags"], answer["none"]) == (
            3,
            "a",
            [True],
            None,
        )


def test_headers_of_an_answer(http: httpx.Client) -> None:
    response = http.post("/generate", json={"inputs": PROMPT, "parameters": {"max_new_tokens": 3}})

    assert response.headers["x-generated-tokens"] == "3"
    assert response.headers["x-compute-characters"] == str(len(PROMPT))
    assert int(response.headers["x-prompt-tokens"]) > 3


def test_stream_has_one_event_for_each_token(http: httpx.Client) -> None:
    whole = generate(http, details=True, max_new_tokens=8)

    received = stream(http, details=True, max_new_tokens=8)

    assert [event["index"] for event in received] == list(range(1, 9))
    assert [event["token"] for event in received] == whole["details"]["tokens"]
    assert [event["generated_text"] for event in received] == (
        [None] * 7 + [whole["generated_text"]]
    )
    assert received[-1]["details"].keys() == {
        "finish_reason",
        "generated_tokens",
        "seed",
        "input_length",
    }
    assert stream(http, max_new_tokens=1)[-1]["details"] is None


def test_root_streams_when_told_to(http: httpx.Client) -> None:
    body = {"inputs": PROMPT, "parameters": {"max_new_tokens": 2}, "stream": True}

    received = events(http.post("/", json=body))

    assert len(received) == 2
    assert received[-1]["generated_text"].startswith(PROMPT)


def test_split_characters_give_empty_token_texts(http: httpx.Client, tgi: MockTGI) -> None:
    tgi.script(Behaviour(text="é米🍤"))

    texts = [event["token"]["text"] for event in stream(http)]

    assert texts == ["é", "", "米", "", "🍤", "</s>"]


def test_old_servers_leave_out_the_space() -> None:
    with MockTGI(space_after_colon=False) as tgi:
        response = httpx.post(tgi.url + "/generate_stream", json={"inputs": PROMPT})

    assert response.text.startswith('data:{"index"')


def test_silence_is_broken_by_comments() -> None:
    with MockTGI(keep_alive_interval=0.02, first_token_delay=0.07) as tgi:
        body = {"inputs": PROMPT, "parameters": {"max_new_tokens": 1}}
        response = httpx.post(tgi.url + "/generate_stream", json=body)

    assert response.text.startswith(":\n\n:\n\n:\n\ndata:")


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


@pytest.mark.parametrize("path", ["/", "/generate", "/generate_stream", "/v1/chat/completions"])
def test_no_slot_is_a_refusal_at_once(path: str) -> None:
    with (
        MockTGI(max_concurrent_requests=1) as tgi,
        httpx.Client(base_url=tgi.url, timeout=10) as http,
    ):
        tgi.script(Behaviour(hold=True))
        occupying = threading.Thread(target=generate, args=(http,))
        occupying.start()
        tgi.wait_for(lambda tgi: len(tgi.generations) == 1)
        body = {"inputs": PROMPT, "messages": [{"role": "user", "content": PROMPT}]}

        refused = http.post(path, json=body)

        tgi.release()
        occupying.join(10)
        assert http.post(path, json=body).status_code == 200

    if path == "/generate_stream":
        assert events(refused) == [{"error": "Model is overloaded", "error_type": "overloaded"}]
    else:
        assert refused.status_code == 429
        assert refused.json() == {"error": "Model is overloaded", "error_type": "overloaded"}


def test_limit_is_128_by_default(http: httpx.Client) -> None:
    assert http.get("/info").json()["max_concurrent_requests"] == 128


@pytest.mark.parametrize("given", [None, "Bearer wrong", "right"])
def test_key_is_needed_for_generating(given: str | None) -> None:
    headers = {} if given is None else {"Authorization": given}
    with MockTGI(api_key="right") as tgi, httpx.Client(base_url=tgi.url) as http:
        for path in ("/", "/generate", "/generate_stream", "/v1/chat/completions", "/tokenize"):
            refused = http.post(path, json={"inputs": PROMPT}, headers=headers)
            assert (refused.status_code, refused.content) == (401, b"")
        for path in ("/", "/health", "/ping", "/info", "/v1/models", "/metrics"):
            assert http.get(path).status_code == 200
        accepted = {"Authorization": "bearer RIGHT"}
        assert http.post("/generate", json={"inputs": "a"}, headers=accepted).status_code == 200


def test_unknown_path_and_wrong_method(http: httpx.Client) -> None:
    unknown = http.get("/nope")
    wrong = http.get("/generate")

    assert (unknown.status_code, unknown.content) == (404, b"")
    assert (wrong.status_code, wrong.content) == (405, b"")
    assert "POST" in wrong.headers["Allow"]


@pytest.mark.parametrize("path", ["/", "/health", "/ping"])
def test_health(http: httpx.Client, tgi: MockTGI, path: str) -> None:
    assert (http.get(path).status_code, http.get(path).content) == (200, b"")

    tgi.set_healthy(False)
    assert http.get(path).status_code == 503
    assert http.get(path).json() == {"error": "unhealthy", "error_type": "healthcheck"}


def test_information(http: httpx.Client) -> None:
    info = http.get("/info").json()
    assert info["model_id"] == "mock/parrot-7b"
    assert (info["max_input_tokens"], info["max_total_tokens"]) == (4095, 4096)
    (model,) = http.get("/v1/models").json()["data"]
    assert model["id"] == "mock/parrot-7b"


def test_tokens_have_byte_offsets(http: httpx.Client) -> None:
    tokens = http.post("/tokenize", json={"inputs": "a é 米"}).json()

    encoded = "a é 米".encode()
    assert b"".join(encoded[token["start"] : token["stop"]] for token in tokens) == encoded
    assert "".join(token["text"] for token in tokens) == "a é 米"
    truncated = {"inputs": "a b c", "parameters": {"truncate": 1}}
    assert [t["text"] for t in http.post("/tokenize", json=truncated).json()] == [" c"]


def test_metrics() -> None:
    with MockTGI() as tgi, httpx.Client(base_url=tgi.url) as http:
        generate(http)
        refusal(http, temperature=0)
        lines = http.get("/metrics").text.splitlines()

    assert "tgi_request_count 2" in lines
    assert "tgi_request_success 1" in lines
    assert 'tgi_request_failure{err="validation"} 1' in lines


CHAT = {"messages": [{"role": "user", "content": PROMPT}]}


def test_chat(http: httpx.Client) -> None:
    answer = http.post("/v1/chat/completions", json=CHAT | {"temperature": 0}).json()

    (choice,) = answer["choices"]
    assert choice["message"]["role"] == "assistant"
    assert "shrimp" in choice["message"]["content"]
    assert choice["finish_reason"] == "stop"
    usage = answer["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert (answer["object"], answer["id"]) == ("chat.completion", "")
    assert (answer["model"], answer["system_fingerprint"]) == ("mock/parrot-7b", "3.3.6-native")


def test_chat_samples_unless_the_temperature_is_0(http: httpx.Client) -> None:
    def texts(**options: Any) -> set[str]:
        return {
            http.post("/v1/chat/completions", json=CHAT | options).json()["choices"][0]["message"][
                "content"
            ]
            for _ in range(10)
        }

    assert len(texts(temperature=0)) == 1
    assert len(texts()) > 1
    assert len(texts(seed=1)) == 1


@pytest.mark.parametrize(
    ("options", "reason"),
    [({"max_tokens": 2}, "length"), ({"stop": [","], "temperature": 0}, "stop_sequence")],
)
def test_chat_ends(http: httpx.Client, options: Any, reason: str) -> None:
    answer = http.post("/v1/chat/completions", json=CHAT | options).json()

    assert answer["choices"][0]["finish_reason"] in {reason, "stop"}


def test_chat_stream(http: httpx.Client) -> None:
    options = {"stream": True, "max_tokens": 3, "stream_options": {"include_usage": True}}

    *chunks, usage, done = events(http.post("/v1/chat/completions", json=CHAT | options))

    assert done == "[DONE]"
    assert usage["choices"] == []
    assert usage["usage"]["completion_tokens"] == 3
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None, None, "length"]
    assert all(chunk["choices"][0]["delta"]["role"] == "assistant" for chunk in chunks)


def test_chat_stream_shows_no_special_tokens(http: httpx.Client, tgi: MockTGI) -> None:
    tgi.script(Behaviour(token_texts=("hi", "</s>")))

    *chunks, _ = events(http.post("/v1/chat/completions", json=CHAT | {"stream": True}))

    assert [chunk["choices"][0]["delta"]["content"] for chunk in chunks] == ["hi", ""]


def test_errors_of_the_chat_stream(http: httpx.Client) -> None:
    options = {"stream": True, "top_p": 2}

    assert events(http.post("/v1/chat/completions", json=CHAT | options)) == [
        {
            "error": {
                "message": "Input validation error: `top_p` must be > 0.0 and < 1.0",
                "http_status_code": 422,
            }
        },
        "[DONE]",
    ]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"messages": "hi"},
        {"messages": [{}]},
        {"messages": [{"role": "user", "content": 5}]},
        {"messages": [], "stream": None},
    ],
)
def test_chat_of_a_wrong_shape(http: httpx.Client, body: Any) -> None:
    response = http.post("/v1/chat/completions", json=body)

    assert response.status_code == 422
    assert response.text.startswith("Failed to deserialize")


def test_chat_names_and_parts(http: httpx.Client) -> None:
    parts = [
        {"type": "text", "text": PROMPT},
        {"type": "image_url", "image_url": {"url": "http://x/y.png"}},
    ]
    body = {
        "messages": [{"role": "system", "content": "be"}, {"role": "user", "content": parts}],
        "model": "lora",
        "presence_penalty": -1,
    }

    answer = http.post("/v1/chat/completions", json=body).json()

    assert answer["model"] == "lora"
    assert "shrimp" in answer["choices"][0]["message"]["content"]


def test_script_is_followed_call_by_call(http: httpx.Client, tgi: MockTGI) -> None:
    tgi.script(
        overloaded(),
        Behaviour(status=503, body="<html>", headers={"X-Cause": "proxy"}),
        Behaviour(text="yes"),
    )

    first, second, third, fourth = (http.post("/generate", json={"inputs": "a"}) for _ in range(4))

    assert (first.status_code, first.json()["error_type"]) == (429, "overloaded")
    assert (second.status_code, second.text) == (503, "<html>")
    assert (second.headers["Content-Type"], second.headers["X-Cause"]) == (
        "text/html; charset=utf-8",
        "proxy",
    )
    assert third.json() == {"generated_text": "yes"}
    assert fourth.status_code == 200


@pytest.mark.parametrize("then", ["end", "reset", "error"])
def test_streams_can_be_cut(http: httpx.Client, tgi: MockTGI, then: Any) -> None:
    tgi.script(Behaviour(token_texts=("a", "b"), after=1, then=then))
    lines = []
    broken = False

    with http.stream("POST", "/generate_stream", json={"inputs": "a"}) as response:
        try:
            lines = [line for line in response.iter_lines() if line]
        except httpx.RemoteProtocolError:
            broken = True

    assert broken == (then == "reset")
    if then == "error":
        assert json.loads(lines[-1].removeprefix("data: "))["error_type"] == "generation"
    elif then == "end":
        assert len(lines) == 1


def test_delays(http: httpx.Client, tgi: MockTGI) -> None:
    tgi.script(Behaviour(delay=0.1), Behaviour(token_texts=("a", "b"), token_delay=0.05))

    for _ in range(2):
        assert http.post("/generate", json={"inputs": "a"}).elapsed.total_seconds() >= 0.1


def test_requests_are_recorded(http: httpx.Client, tgi: MockTGI) -> None:
    http.post("/generate?x=1", json={"inputs": "a"}, headers={"X-Thing": "1"})
    http.get("/info")

    posted, got = tgi.requests
    assert (posted.method, posted.path, posted.json) == ("POST", "/generate", {"inputs": "a"})
    assert posted.headers["x-thing"] == "1"
    assert json.loads(posted.body) == posted.json
    assert (got.method, got.path) == ("GET", "/info")
    assert tgi.generations == [posted]


@pytest.mark.parametrize(
    ("path", "behaviour"),
    [
        ("/generate", Behaviour(hold=True)),
        ("/generate", Behaviour(delay=30)),
        ("/generate_stream", Behaviour(hold=True)),
        ("/generate_stream", Behaviour(token_texts=("a", "b"), token_delay=30)),
    ],
)
def test_departure_of_the_caller_is_noticed(tgi: MockTGI, path: str, behaviour: Behaviour) -> None:
    tgi.script(behaviour)
    host, port = tgi.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as caller:
        caller.sendall(
            f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            'Content-Length: 15\r\n\r\n{"inputs": "a"}'.encode()
        )
        tgi.wait_for(lambda tgi: len(tgi.generations) == 1)

    tgi.wait_for(lambda tgi: tgi.generations[0].disconnected, timeout=1)


def test_control_from_another_process(http: httpx.Client) -> None:
    answer = http.post(
        "/_mock/script",
        json={
            "behaviours": [{"status": 429, "body": {"error": "x"}}, {"token_texts": ["a", "<s>"]}],
            "always": {"text": "always"},
            "healthy": False,
        },
    )
    assert answer.json() == {"queued": 2}

    texts = [http.post("/generate", json={"inputs": "a"}) for _ in range(4)]

    assert [response.status_code for response in texts] == [429, 200, 200, 200]
    assert [response.json()["generated_text"] for response in texts[1:]] == ["a"] + ["always"] * 2
    assert http.get("/health").status_code == 503
    recorded = http.get("/_mock/requests").json()
    assert [entry["path"] for entry in recorded] == ["/generate"] * 4 + ["/health"]
    assert recorded[0]["json"] == {"inputs": "a"}
    http.post("/_mock/release")
    http.post("/_mock/reset")
    assert http.get("/_mock/requests").json() == []
    assert http.get("/health").status_code == 200


def test_control_refuses_what_it_does_not_know(http: httpx.Client) -> None:
    answer = http.post("/_mock/script", json={"behaviours": [{"colour": "red"}]})

    assert answer.status_code == 400
    assert "colour" in answer.json()["error"]


def test_waiting_in_vain(tgi: MockTGI) -> None:
    with pytest.raises(TimeoutError, match=r"within 0\.01 s"):
        tgi.wait_for(lambda tgi: False, timeout=0.01)


def test_as_a_process() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "test.support.mock_tgi", "--port=0", "--model-id=a/b", "--seed=4"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        match = re.search(r"http://\S+", process.stdout.readline())
        assert match is not None
        assert httpx.get(f"{match[0]}/info").json()["model_id"] == "a/b"
    finally:
        process.terminate()
        process.communicate(timeout=10)
    assert process.returncode == 0
