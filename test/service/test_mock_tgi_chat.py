"""The chat route of the mock server."""

from typing import Any

import httpx
import pytest

from test.service.mock_calls import PROMPT, events
from test.support.mock_tgi import Behaviour, MockTGI

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

    assert answer["choices"][0]["finish_reason"] == reason


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
