"""The chat route of the mock server."""

import json
from typing import Any

import httpx
import pytest

from test.service.mock_calls import PROMPT, events
from test.support.mock_tgi import Behaviour, MockTGI

CHAT = {"messages": [{"role": "user", "content": PROMPT}]}

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": "Tells about a place",
            "parameters": {"type": "object", "properties": {"place": {"type": "string"}}},
        },
    }
    for name in ("weather", "tide")
]


def chat(http: httpx.Client, **options: Any) -> Any:
    return http.post("/v1/chat/completions", json=CHAT | options).json()


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
        {"messages": [{"role": "user", "content": None}]},
        {"messages": [{"role": "user", "content": ["hi"]}]},
        {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}]},
        CHAT | {"model": 5},
        CHAT | {"presence_penalty": "much"},
        CHAT | {"stream_options": True},
        CHAT | {"logprobs": 1},
        CHAT | {"top_logprobs": -1},
        CHAT | {"stop": "."},
        CHAT | {"tools": {}},
        CHAT | {"tools": [{"type": "function"}]},
        CHAT | {"tools": TOOLS, "tool_choice": 5},
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


@pytest.mark.parametrize(
    ("choice", "name"),
    [
        ("required", "weather"),
        ("tide", "tide"),
        ({"type": "function", "function": {"name": "tide"}}, "tide"),
    ],
)
def test_tool_call(http: httpx.Client, choice: Any, name: str) -> None:
    (answer,) = chat(http, tools=TOOLS, tool_choice=choice)["choices"]

    assert answer["message"].keys() == {"role", "tool_calls"}
    (call,) = answer["message"]["tool_calls"]
    assert (call["id"], call["type"]) == ("0", "function")
    assert call["function"].keys() == {"description", "name", "arguments"}
    assert (call["function"]["name"], call["function"]["description"]) == (name, None)
    assert json.loads(call["function"]["arguments"]).keys() == {"place"}


def test_model_may_choose_a_tool_or_text(http: httpx.Client) -> None:
    question = [{"role": "user", "content": "How is the weather?"}]

    for choice in (None, "auto"):
        (called,) = chat(http, messages=question, tools=TOOLS, tool_choice=choice)["choices"]
        assert called["message"]["tool_calls"][0]["function"]["name"] == "weather"
        assert chat(http, tools=TOOLS, tool_choice=choice)["choices"][0]["message"]["content"]
    (plain,) = chat(http, messages=question, tools=TOOLS, tool_choice="none")["choices"]
    assert plain["message"]["content"]


def test_tool_call_streamed(http: httpx.Client) -> None:
    options = {"stream": True, "tools": TOOLS, "tool_choice": "tide"}

    *chunks, done = events(http.post("/v1/chat/completions", json=CHAT | options))

    assert done == "[DONE]"
    calls = [chunk["choices"][0]["delta"]["tool_calls"][0] for chunk in chunks]
    first, *others = [call["function"]["name"] for call in calls]
    assert (first, set(others)) == ("tide", {None})
    assert {call["index"] for call in calls} == {0}
    arguments = "".join(call["function"]["arguments"] for call in calls)
    assert json.loads(arguments).keys() == {"place"}


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"response_format": {"type": "json", "value": {"properties": {}}}},
            "Tool error: Grammar and tools are mutually exclusive",
        ),
        ({"tool_choice": "moon"}, "Tool error: Tool with name moon not found"),
    ],
)
def test_tool_errors_are_plain_answers(
    http: httpx.Client, options: Any, text: str, streamed: bool
) -> None:
    body = CHAT | {"tools": TOOLS, "stream": streamed} | options

    response = http.post("/v1/chat/completions", json=body)

    assert response.status_code == 422
    assert response.json() == {"error": text, "error_type": "tool_error"}


def test_chat_after_a_tool_call(http: httpx.Client) -> None:
    messages = [
        *CHAT["messages"],
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "tool", "content": "high"},
    ]

    assert chat(http, messages=messages)["choices"][0]["message"]["content"]


def test_model_without_a_chat_template() -> None:
    with MockTGI(chat_template=False) as tgi, httpx.Client(base_url=tgi.url) as http:
        response = http.post("/v1/chat/completions", json=CHAT)

    assert response.status_code == 422
    assert response.json()["error_type"] == "template_error"
    assert response.json()["error"].startswith("Template error: ")


def test_logprobs(http: httpx.Client) -> None:
    options = {"logprobs": True, "top_logprobs": 2, "max_tokens": 3, "temperature": 0}

    (whole,) = chat(http, **options)["choices"]
    *chunks, _ = events(http.post("/v1/chat/completions", json=CHAT | options | {"stream": True}))

    content = whole["logprobs"]["content"]
    assert len(content) == 3
    for entry in content:
        assert entry.keys() == {"token", "logprob", "top_logprobs"}
        assert entry["top_logprobs"][0] == {key: entry[key] for key in ("token", "logprob")}
        assert len(entry["top_logprobs"]) == 2
    assert [chunk["choices"][0]["logprobs"]["content"] for chunk in chunks] == [
        [entry] for entry in content
    ]
    assert chat(http)["choices"][0]["logprobs"] is None


def test_generation_error_inside_a_chat_stream(http: httpx.Client, tgi: MockTGI) -> None:
    tgi.script(Behaviour(after=1, then="error"))

    _, error, done = events(http.post("/v1/chat/completions", json=CHAT | {"stream": True}))

    assert error == {
        "error": {
            "message": "Request failed during generation: out of memory",
            "http_status_code": 422,
        }
    }
    assert done == "[DONE]"
