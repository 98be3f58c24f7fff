"""huggingface_hub's own clients against the mock: what they raise is what they raise for TGI."""

from collections.abc import Iterator
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

PROMPT = "Can shrimp actually fry rice fr?"
OPTIONS: dict[str, Any] = {"return_full_text": False, "max_new_tokens": 8}


@pytest.fixture
def client(tgi: MockTGI) -> Iterator[InferenceClient]:
    with InferenceClient(tgi.url, timeout=5) as client:
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


def test_ambient_token_is_sent(tgi: MockTGI, monkeypatch: pytest.MonkeyPatch) -> None:
    """Why the service does not use the library's headers."""
    monkeypatch.setenv("HF_TOKEN", "hf_ambient")

    with InferenceClient(tgi.url) as client:
        client.text_generation(PROMPT)

    assert tgi.generations[0].headers["authorization"] == "Bearer hf_ambient"


def test_chat(client: InferenceClient, tgi: MockTGI) -> None:
    answer = client.chat_completion([{"role": "user", "content": PROMPT}], max_tokens=5)

    assert answer.choices[0].message.content
    assert answer.usage.completion_tokens == 5
    assert tgi.generations[0].path == "/v1/chat/completions"


def test_chat_stream(client: InferenceClient) -> None:
    chunks = list(
        client.chat_completion([{"role": "user", "content": PROMPT}], max_tokens=5, stream=True)
    )

    assert len(chunks) == 5
    assert chunks[-1].choices[0].finish_reason == "length"


async def test_asynchronous_client(tgi: MockTGI) -> None:
    async with AsyncInferenceClient(tgi.url, timeout=5) as client:
        text = await client.text_generation(PROMPT, **OPTIONS)
        pieces = [
            piece async for piece in await client.text_generation(PROMPT, stream=True, **OPTIONS)
        ]

    assert "".join(pieces) == text


async def test_errors_of_the_asynchronous_client(tgi: MockTGI) -> None:
    tgi.script(overloaded(), Behaviour(after=0, then="error"))

    async with AsyncInferenceClient(tgi.url, timeout=5) as client:
        with pytest.raises(OverloadedError):
            await client.text_generation(PROMPT)
        stream = await client.text_generation(PROMPT, stream=True)
        with pytest.raises(GenerationError):
            await anext(aiter(stream))
