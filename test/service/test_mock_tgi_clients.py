"""huggingface_hub's own clients against the mock: what they raise is what they raise for TGI."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from huggingface_hub import AsyncInferenceClient, InferenceClient
from huggingface_hub.errors import (
    BadRequestError,
    GenerationError,
    HfHubHTTPError,
    IncompleteGenerationError,
    OverloadedError,
    UnknownError,
    ValidationError,
)

from test.support.mock_tgi import Behaviour, MockTGI, overloaded
from test.support.waiting import SECONDS

PROMPT = "Can shrimp actually fry rice fr?"
CHAT = [{"role": "user", "content": PROMPT}]
PLACE = {"type": "object", "properties": {"place": {"type": "string"}}}
TOOLS: list[Any] = [
    {
        "type": "function",
        "function": {"name": "weather", "description": "now", "parameters": PLACE},
    }
]
OPTIONS: dict[str, Any] = {"return_full_text": False, "max_new_tokens": 8}


@pytest.fixture
def client(tgi: MockTGI) -> Iterator[InferenceClient]:
    with InferenceClient(tgi.url, timeout=SECONDS) as client:
        yield client


def failure(error: str, error_type: str, status: int) -> Behaviour:
    return Behaviour(status=status, body={"error": error, "error_type": error_type})


def test_text(client: InferenceClient, tgi: MockTGI) -> None:
    text = client.text_generation(PROMPT, **OPTIONS)

    assert text
    assert tgi.generations[0].json["parameters"] == OPTIONS


def test_prompt_is_echoed_by_default(client: InferenceClient) -> None:
    assert client.text_generation(PROMPT).startswith(PROMPT)


def test_details(client: InferenceClient) -> None:
    answer = client.text_generation(PROMPT, details=True, **OPTIONS)

    assert answer.details is not None
    assert answer.details.generated_tokens == 8
    assert "".join(token.text for token in answer.details.tokens) == answer.generated_text


def test_stream_of_texts_holds_special_tokens(client: InferenceClient, tgi: MockTGI) -> None:
    tgi.script(Behaviour(token_texts=("a", "</s>")))

    assert list(client.text_generation(PROMPT, stream=True)) == ["a", "</s>"]


def test_stream_with_details(client: InferenceClient) -> None:
    *_, last = client.text_generation(PROMPT, stream=True, details=True, **OPTIONS)

    assert last.generated_text
    assert last.details is not None
    assert last.details.finish_reason == "length"


def test_old_spacing() -> None:
    with MockTGI(space_after_colon=False) as tgi, InferenceClient(tgi.url) as client:
        assert len(list(client.text_generation(PROMPT, stream=True, **OPTIONS))) == 8


def test_cut_stream_looks_complete(client: InferenceClient, tgi: MockTGI) -> None:
    """Why the service looks for the final event itself."""
    tgi.script(Behaviour(token_texts=("a", "b"), after=1, then="end"))

    assert list(client.text_generation(PROMPT, stream=True)) == ["a"]


ERRORS: list[tuple[Behaviour, type[Exception]]] = [
    (failure("Input validation error: x", "validation", 422), ValidationError),
    (failure("Request failed during generation: x", "generation", 424), GenerationError),
    (overloaded(), OverloadedError),
    (failure("Incomplete generation", "incomplete_generation", 500), IncompleteGenerationError),
    (failure("Template error: x", "template_error", 422), UnknownError),
    (Behaviour(status=400, body={"error": "x"}), BadRequestError),
    (Behaviour(status=503, body="<html>"), HfHubHTTPError),
    (Behaviour(status=401, body=""), HfHubHTTPError),
    (Behaviour(drop=True), httpx.RemoteProtocolError),
]


@pytest.mark.parametrize(("behaviour", "raised"), ERRORS)
def test_errors(
    client: InferenceClient, tgi: MockTGI, behaviour: Behaviour, raised: type[Exception]
) -> None:
    tgi.script(behaviour)

    with pytest.raises(raised):
        client.text_generation(PROMPT)


def test_error_event(client: InferenceClient, tgi: MockTGI) -> None:
    tgi.script(Behaviour(token_texts=("a", "b"), after=1, then="error"))
    received: list[str] = []

    with pytest.raises(GenerationError):
        received.extend(client.text_generation(PROMPT, stream=True))


def test_silence(tgi: MockTGI) -> None:
    tgi.script(Behaviour(hold=True))

    with InferenceClient(tgi.url, timeout=0.1) as client, pytest.raises(httpx.ReadTimeout):
        client.text_generation(PROMPT)
    tgi.wait_for(lambda tgi: len(tgi.generations) == 1)  # or it would be one of the next test


def test_ambient_token_is_sent(tgi: MockTGI, monkeypatch: pytest.MonkeyPatch) -> None:
    """Why the service does not use the library's headers."""
    monkeypatch.setenv("HF_TOKEN", "hf_ambient")

    with InferenceClient(tgi.url) as client:
        client.text_generation(PROMPT)

    assert tgi.generations[0].headers["authorization"] == "Bearer hf_ambient"


def test_chat(client: InferenceClient, tgi: MockTGI) -> None:
    answer = client.chat_completion(CHAT, max_tokens=5)

    assert answer.choices[0].message.content
    assert answer.usage.completion_tokens == 5
    assert tgi.generations[0].path == "/v1/chat/completions"


def test_tool_call(client: InferenceClient) -> None:
    answer = client.chat_completion(CHAT, tools=TOOLS, tool_choice="required")
    stream = client.chat_completion(CHAT, tools=TOOLS, tool_choice="required", stream=True)

    assert answer.choices[0].message.tool_calls is not None
    (call,) = answer.choices[0].message.tool_calls
    assert call.function.name == "weather"
    assert json.loads(call.function.arguments).keys() == {"place"}
    deltas = [chunk.choices[0].delta.tool_calls for chunk in stream]
    pieces = [delta[0].function for delta in deltas if delta]
    assert pieces[0].name == "weather"
    assert json.loads("".join(piece.arguments for piece in pieces)).keys() == {"place"}


def test_answer_by_a_schema(client: InferenceClient) -> None:
    grammar: Any = {"type": "json", "value": PLACE}

    answer = client.chat_completion(CHAT, response_format=grammar)
    text = client.text_generation(PROMPT, grammar=grammar, return_full_text=False)

    assert json.loads(answer.choices[0].message.content or "").keys() == {"place"}
    assert json.loads(text).keys() == {"place"}


def test_logprobs(client: InferenceClient) -> None:
    answer = client.chat_completion(CHAT, logprobs=True, top_logprobs=2, max_tokens=3)

    assert answer.choices[0].logprobs is not None
    content = answer.choices[0].logprobs.content
    assert [len(entry.top_logprobs) for entry in content] == [2] * 3


def test_chat_stream(client: InferenceClient) -> None:
    chunks = list(client.chat_completion(CHAT, max_tokens=5, stream=True))

    assert len(chunks) == 5
    assert chunks[-1].choices[0].finish_reason == "length"


@pytest.fixture
async def asynchronous(tgi: MockTGI) -> AsyncIterator[AsyncInferenceClient]:
    async with AsyncInferenceClient(tgi.url, timeout=SECONDS) as client:
        yield client


async def test_asynchronous_client(asynchronous: AsyncInferenceClient) -> None:
    text = await asynchronous.text_generation(PROMPT, **OPTIONS)
    stream = await asynchronous.text_generation(PROMPT, stream=True, **OPTIONS)

    assert "".join([piece async for piece in stream]) == text


async def test_details_of_the_asynchronous_client(asynchronous: AsyncInferenceClient) -> None:
    whole = await asynchronous.text_generation(PROMPT, details=True, **OPTIONS)
    stream = await asynchronous.text_generation(PROMPT, details=True, stream=True, **OPTIONS)
    *_, last = [item async for item in stream]

    assert whole.details is not None
    assert last.details is not None
    assert whole.details.generated_tokens == last.details.generated_tokens == 8
    assert whole.generated_text == last.generated_text


async def test_chat_of_the_asynchronous_client(asynchronous: AsyncInferenceClient) -> None:
    options: dict[str, Any] = {"max_tokens": 5, "temperature": 0}
    whole = await asynchronous.chat_completion(CHAT, **options)
    stream = await asynchronous.chat_completion(CHAT, stream=True, **options)
    pieces = [chunk.choices[0].delta.content or "" async for chunk in stream]

    assert whole.choices[0].message.content == "".join(pieces)


async def test_errors_of_the_asynchronous_client(tgi: MockTGI) -> None:
    tgi.script(overloaded(), Behaviour(after=0, then="error"))

    async with AsyncInferenceClient(tgi.url, timeout=SECONDS) as client:
        with pytest.raises(OverloadedError):
            await client.text_generation(PROMPT)
        stream = await client.text_generation(PROMPT, stream=True)
        with pytest.raises(GenerationError):
            await anext(aiter(stream))
