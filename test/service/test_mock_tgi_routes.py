"""The mock server's less travelled routes: completions, batches, other front doors, CORS."""

from typing import Any

import httpx
import pytest

from test.service.mock_calls import PROMPT, events, generate
from test.support.mock_tgi import Behaviour, MockTGI

CHAT = [{"role": "user", "content": PROMPT}]


def complete(http: httpx.Client, **body: Any) -> dict[str, Any]:
    response = http.post("/v1/completions", json=body)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def test_completion(http: httpx.Client, tgi: MockTGI) -> None:
    tgi.script(Behaviour(text="yes"))

    answer = complete(http, prompt=PROMPT, model="mine")

    assert answer["object"] == "text_completion"
    assert answer["model"] == "mine"
    assert answer["choices"] == [
        {"index": 0, "text": "yes", "logprobs": None, "finish_reason": "stop"}
    ]
    assert answer["usage"]["completion_tokens"] == 2


def test_completion_of_several_prompts(http: httpx.Client) -> None:
    both = complete(http, prompt=["Rice?", "Noodles?"], max_tokens=5, temperature=0)

    assert [choice["index"] for choice in both["choices"]] == [0, 1]
    for prompt, choice in zip(["Rice?", "Noodles?"], both["choices"], strict=True):
        alone = complete(http, prompt=prompt, max_tokens=5, temperature=0)
        assert alone["choices"][0]["text"] == choice["text"]
        assert choice["finish_reason"] == "length"
    assert both["usage"]["completion_tokens"] == 10


def test_stream_of_completions(http: httpx.Client, tgi: MockTGI) -> None:
    tgi.script(Behaviour(token_texts=("y", "es", "</s>")))

    *chunks, done = events(
        http.post("/v1/completions", json={"prompt": ["a", "b"], "stream": True})
    )

    assert done == "[DONE]"
    for index in (0, 1):
        own = [chunk for chunk in chunks if chunk["choices"][0]["index"] == index]
        assert "".join(chunk["choices"][0]["text"] for chunk in own) == "yes"
        reasons = [chunk["choices"][0]["finish_reason"] for chunk in own]
        assert reasons == ["", "", "eos_token"]
        assert ["usage" in chunk for chunk in own] == [False, False, True]


def test_error_in_a_stream_of_completions(http: httpx.Client) -> None:
    body = {"prompt": PROMPT, "stream": True, "top_p": 2}

    error, done = events(http.post("/v1/completions", json=body))

    assert error["error_type"] == "validation"
    assert done == "[DONE]"


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ({"prompt": PROMPT, "suffix": "x"}, 422, "suffix not supported"),
        ({"prompt": ["a"] * 5}, 422, "maximum allowed batch size of 4"),
        ({"prompt": PROMPT, "repetition_penalty": 0}, 422, "`repetition_penalty` must be"),
        ({"prompt": ""}, 422, "`inputs` cannot be empty"),
        ({"prompt": []}, 422, "missing field `prompt`"),
        ({"prompt": [1]}, 422, "did not match"),
        ({}, 422, "missing field `prompt`"),
    ],
)
def test_refused_completions(http: httpx.Client, body: Any, status: int, text: str) -> None:
    response = http.post("/v1/completions", json=body)

    assert response.status_code == status
    assert text in response.text


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/", {"inputs": PROMPT}),
        ("/v1/chat/completions", {"messages": CHAT, "temperature": 0}),
        ("/v1/completions", {"prompt": PROMPT, "temperature": 0}),
    ],
)
def test_invocations_are_any_of_three(
    http: httpx.Client, tgi: MockTGI, path: str, body: Any
) -> None:
    tgi.always(Behaviour(text="yes"))
    direct, invoked = http.post(path, json=body).json(), http.post("/invocations", json=body).json()

    if isinstance(direct, dict):
        direct.pop("created")
        invoked.pop("created")
    assert direct == invoked


def test_invocation_of_no_known_form(http: httpx.Client) -> None:
    response = http.post("/invocations", json={"text": PROMPT})

    assert response.status_code == 422
    assert response.text.startswith("Failed to deserialize the JSON body")


def test_batch(http: httpx.Client) -> None:
    instances = [
        {"inputs": PROMPT, "parameters": {"max_new_tokens": 7}},
        {"messages": CHAT, "max_tokens": 7, "temperature": 0},
    ]

    texts = http.post("/vertex", json={"instances": instances}).json()["predictions"]

    alone = generate(http, max_new_tokens=7)["generated_text"]
    assert texts[0] == alone
    assert texts[1]


@pytest.mark.parametrize("body", [{}, {"instances": 1}, {"instances": ["x"]}])
def test_wrong_batch(http: httpx.Client, body: Any) -> None:
    assert http.post("/vertex", json=body).status_code == 422


def test_tokens_of_a_chat(http: httpx.Client) -> None:
    answer = http.post("/chat_tokenize", json={"messages": CHAT}).json()

    assert PROMPT in answer["templated_text"]
    assert (
        "".join(token["text"] for token in answer["tokenize_response"])
        == (answer["templated_text"])
    )


def test_which_routes_need_the_key() -> None:
    with MockTGI(api_key="right") as tgi, httpx.Client(base_url=tgi.url) as http:
        for path in ("/v1/completions", "/invocations", "/vertex"):
            assert http.post(path, json={}).status_code == 401
        assert http.post("/chat_tokenize", json={"messages": CHAT}).status_code == 200
        for path in ("/docs", "/api-doc/openapi.json"):
            assert http.get(path).status_code == 200


def test_description_of_the_routes(http: httpx.Client) -> None:
    paths = http.get("/api-doc/openapi.json").json()["paths"]

    assert paths["/"].keys() == {"get", "post"}
    assert {"/generate", "/v1/completions", "/vertex", "/chat_tokenize"} <= paths.keys()
    assert not any("_mock" in path for path in paths)
    assert "openapi.json" in http.get("/docs").text


def test_any_page_may_call(http: httpx.Client) -> None:
    asked = http.options(
        "/generate",
        headers={"Origin": "https://a.example", "Access-Control-Request-Method": "POST"},
    )

    assert asked.status_code == 200
    assert asked.headers["Access-Control-Allow-Methods"] == "GET,POST"
    assert asked.headers["Access-Control-Allow-Headers"] == "content-type"
    for response in (asked, http.get("/info"), http.post("/generate", json={})):
        assert response.headers["Access-Control-Allow-Origin"] == "*"


def test_meters_of_all_ways_to_generate() -> None:
    with MockTGI() as tgi, httpx.Client(base_url=tgi.url) as http:
        generate(http, max_new_tokens=3)
        http.post("/generate_stream", json={"inputs": PROMPT, "parameters": {"max_new_tokens": 3}})
        for stream in (False, True):
            chat = {"messages": CHAT, "max_tokens": 3, "stream": stream}
            http.post("/v1/chat/completions", json=chat)
            http.post("/v1/completions", json={"prompt": "a", "max_tokens": 3, "stream": stream})
        http.post("/generate_stream", json={"inputs": "a", "parameters": {"top_p": 3}})
        lines = http.get("/metrics").text.splitlines()

    assert "tgi_request_count 7" in lines
    assert "tgi_request_success 6" in lines
    assert 'tgi_request_failure{err="validation"} 1' in lines
    assert "tgi_request_generated_tokens_sum 18.0" in lines
    assert "tgi_request_generated_tokens_count 6" in lines
    assert 'tgi_request_generated_tokens_bucket{le="1"} 0' in lines
    assert 'tgi_request_generated_tokens_bucket{le="10"} 6' in lines
    assert "tgi_queue_size 0" in lines
