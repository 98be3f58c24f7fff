"""Whatever is posted to the mock server, its answer is one of TGI's."""

import json
from typing import Any

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from test.service.test_fuzz import JSON, SCALARS

FIELDS = {
    "/generate": ("inputs", "parameters", "stream"),
    "/generate_stream": ("inputs", "parameters"),
    "/": ("inputs", "parameters", "stream"),
    "/v1/chat/completions": (
        *("messages", "model", "max_tokens", "temperature", "presence_penalty", "stop", "stream"),
        *("stream_options", "logprobs", "top_logprobs", "tools", "tool_choice", "response_format"),
    ),
    "/v1/completions": (
        *("prompt", "model", "max_tokens", "temperature", "stop", "stream", "suffix"),
        "repetition_penalty",
    ),
    "/tokenize": ("inputs", "parameters"),
    "/chat_tokenize": ("messages", "model", "tools"),
    "/invocations": ("inputs", "messages", "prompt", "stream"),
    "/vertex": ("instances",),
}
MESSAGES = st.lists(
    st.fixed_dictionaries({"role": st.text()}, optional={"content": JSON, "tool_calls": JSON}),
    max_size=3,
)
LIKELY = {
    "inputs": st.text(max_size=30),
    "prompt": st.text(max_size=30) | st.lists(st.text(max_size=10), max_size=5),
    "messages": MESSAGES,
    "stream": st.booleans(),
    "tools": st.lists(
        st.fixed_dictionaries({"type": st.just("function"), "function": JSON}), max_size=2
    ),
    "instances": st.lists(st.fixed_dictionaries({"inputs": st.text()}) | JSON, max_size=3),
    "max_tokens": st.integers(0, 20),
    "parameters": st.fixed_dictionaries({"max_new_tokens": st.integers(0, 20)}),
}


@st.composite
def calls(draw: st.DrawFn) -> tuple[str, Any]:
    path = draw(st.sampled_from(sorted(FIELDS)))
    names = draw(st.lists(st.sampled_from(FIELDS[path]), unique=True))
    return path, {name: draw(LIKELY.get(name, SCALARS) | JSON) for name in names}


@settings(
    deadline=None,
    max_examples=400,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(call=calls())
def test_any_body(http: httpx.Client, call: tuple[str, Any]) -> None:
    path, body = call

    response = http.post(
        path, content=json.dumps(body), headers={"Content-Type": "application/json"}
    )

    assert response.status_code in {200, 400, 422, 429}, response.text
    if response.status_code == 422 and response.headers["Content-Type"] == "application/json":
        assert response.json().keys() == {"error", "error_type"}
