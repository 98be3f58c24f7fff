"""The mock server generates as TGI does: parameters, details, streams."""

import json
import re
from typing import Any

import httpx
import pytest

from test.service.mock_calls import PROMPT, events, generate, stream
from test.support.mock_tgi import Behaviour, MockTGI


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


def test_bytes_of_events(http: httpx.Client, tgi: MockTGI) -> None:
    """As TGI writes them: one space, no others, fields in its order, nothing escaped."""
    tgi.script(Behaviour(text="é!"))

    response = http.post("/generate_stream", json={"inputs": PROMPT})

    assert re.sub(r"-?\d+(\.\d+)?", "0", response.text) == (
        'data: {"index":0,"token":{"id":0,"text":"é","logprob":0,"special":false},'
        '"generated_text":null,"details":null}\n\n'
        'data: {"index":0,"token":{"id":0,"text":"!","logprob":0,"special":false},'
        '"generated_text":null,"details":null}\n\n'
        'data: {"index":0,"token":{"id":0,"text":"</s>","logprob":0,"special":true},'
        '"generated_text":"é!","details":null}\n\n'
    )
    assert response.headers["Cache-Control"] == "no-cache"
    assert response.headers["X-Accel-Buffering"] == "no"
    assert response.headers["x-compute-characters"] == str(len(PROMPT))
    assert "x-compute-type" in response.headers


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
