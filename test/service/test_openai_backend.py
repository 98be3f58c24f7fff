"""A server of the OpenAI-compatible API behind the same service."""

import json
from typing import Any

import pytest

from test.service.configuring import load, refusal
from test.service.serving import QUESTION, FakeClock, Service, StartService, Unprobed
from test.service.test_process import run
from test.service.test_service_output import QUESTION_HEX, onchain_answer
from test.support.mock_tgi import Behaviour, MockTGI
from tgi_service import ConfigurationError, TGIClientInferenceWorkflow

MODEL = "qwen3:8b"
CHAT = [{"role": "user", "content": "Rice?"}]
SCHEMA = {"properties": {"a": {"type": "integer"}}}


@pytest.fixture
def openai(start: StartService) -> Service:
    return start(BACKEND="openai", MODEL=MODEL)


@pytest.mark.parametrize(
    ("source", "destination", "expected"),
    [
        (1, 1, {"output": "yes"}),
        (0, 0, onchain_answer(QUESTION_HEX)),
        (1, 2, "yes"),
    ],
)
def test_prompt_is_a_chat_of_one_message(
    openai: Service, tgi: MockTGI, source: int, destination: int, expected: Any
) -> None:
    tgi.script(Behaviour(text="yes"))
    data = QUESTION_HEX if source == 0 else {"text": QUESTION}

    response = openai.ask(data, source=source, destination=destination)

    assert (response.text if destination == 2 else response.json()) == expected
    (recorded,) = tgi.generations
    assert recorded.path == "/v1/chat/completions"
    assert recorded.json["messages"] == [{"role": "user", "content": QUESTION}]
    assert recorded.json["model"] == MODEL
    assert recorded.json["max_tokens"] == 20
    assert recorded.json["temperature"] == 0
    assert "stop" not in recorded.json


def test_chat(openai: Service, tgi: MockTGI) -> None:
    tgi.script(Behaviour(text="yes"), Behaviour(text="yes"))

    assert openai.ask({"messages": CHAT}).json() == {"output": "yes"}
    assert openai.ask({"messages": CHAT}, destination=2).text == "yes"
    assert [recorded.json["messages"] for recorded in tgi.generations] == [CHAT, CHAT]


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/", "/v1/chat/completions"])
def test_url_with_and_without_its_ending(start: StartService, tgi: MockTGI, path: str) -> None:
    service = start(WORKFLOW_POSITIONAL_ARGS=[tgi.url + path, 5], BACKEND="openai", MODEL=MODEL)

    assert service.ask().status_code == 200
    assert service.http.get("/ready").status_code == 200
    assert [recorded.path for recorded in tgi.requests] == ["/v1/chat/completions", "/v1/models"]


@pytest.mark.parametrize(
    "grammar",
    [
        {"type": "json", "value": SCHEMA},
        {"type": "json", "value": json.dumps(SCHEMA)},
        {"type": "json_schema", "value": {"name": "answer", "schema": SCHEMA}},
    ],
)
def test_schema_in_the_form_of_that_api(openai: Service, tgi: MockTGI, grammar: Any) -> None:
    tgi.always(Behaviour(status=200, body=answer("yes")))

    openai.ask({"text": QUESTION, "parameters": {"grammar": grammar}})

    assert tgi.generations[0].json["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": SCHEMA},
    }


@pytest.mark.parametrize("data", [{"text": QUESTION}, {"messages": CHAT}])
@pytest.mark.parametrize(
    "parameters",
    [
        {"top_k": 5},
        {"repetition_penalty": 1.1},
        {"return_full_text": True},
        {"grammar": {"type": "regex", "value": "a+"}},
        {"grammar": {"type": "json", "value": "{nope"}},
    ],
)
@pytest.mark.parametrize("destination", [1, 2])
def test_parameters_without_counterpart_are_refused(
    openai: Service, tgi: MockTGI, data: Any, parameters: Any, destination: int
) -> None:
    response = openai.ask({**data, "parameters": parameters}, destination=destination)

    assert response.status_code == 400
    assert next(iter(parameters)) in response.json()["description"]
    assert tgi.generations == []


def answer(text: str) -> dict[str, Any]:
    """The least that such a server answers."""
    message = {"role": "assistant", "content": text}
    return {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}


def test_answer_without_extras(openai: Service, tgi: MockTGI) -> None:
    tgi.script(Behaviour(status=200, body=answer("yes")))

    response = openai.ask({"text": QUESTION, "details": True})

    assert response.json() == {"output": "yes", "details": {"finish_reason": "stop"}}


def test_stream_that_begins_with_a_role_and_ends_with_usage(openai: Service, tgi: MockTGI) -> None:
    def chunk(delta: Any, reason: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return f"data: {json.dumps({'choices': [choice]})}\n\n"

    usage = f"data: {json.dumps({'choices': [], 'usage': {'total_tokens': 3}})}\n\n"
    chunks = chunk({"role": "assistant"}) + chunk({"content": "yes"}) + chunk({}, "stop") + usage
    tgi.script(Behaviour(status=200, body=chunks + "data: [DONE]\n\n"))
    # What comes behind the end, such as a verdict on the content, does not undo it.
    tgi.script(Behaviour(status=200, body=chunks + chunk({}) + "data: [DONE]\n\n"))

    assert openai.ask(destination=2).text == "yes"
    assert openai.ask(destination=2).text == "yes"


@pytest.mark.parametrize(
    ("status", "body", "expected", "description", "calls"),
    [
        (400, {"error": {"message": "too long", "type": "x"}}, 400, "too long", 1),
        (400, {"object": "error", "message": "too long", "code": 400}, 400, "too long", 1),
        (401, {"error": {"message": "no key"}}, 502, "token", 1),
        (404, {"error": {"message": "no such model"}}, 502, "no such model", 1),
        (429, {"error": {"message": "slow down"}}, 429, "slow down", 3),
        (500, {"error": {"message": "out of memory"}}, 502, "out of memory", 1),
        (503, {"error": {"message": "loading"}}, 503, "loading", 3),
    ],
)
@pytest.mark.parametrize("destination", [1, 2])
def test_errors_and_retries(
    openai: Service,
    tgi: MockTGI,
    status: int,
    body: Any,
    expected: int,
    description: str,
    calls: int,
    destination: int,
) -> None:
    tgi.always(Behaviour(status=status, body=body))

    response = openai.ask(destination=destination)

    assert response.status_code == expected
    assert description in response.json()["description"]
    assert "TGI" not in response.json()["description"]
    assert len(tgi.generations) == calls


@pytest.mark.parametrize("destination", [1, 2])
def test_errors_name_the_kind_of_server_and_its_host(
    start: StartService, tgi: MockTGI, closed_port: int, destination: int
) -> None:
    for url in (tgi.url, f"http://127.0.0.1:{closed_port}"):
        service = start(
            WORKFLOW_POSITIONAL_ARGS=[url, 5],
            BACKEND="openai",
            MODEL=MODEL,
            workflow_class=Unprobed,
        )
        tgi.always(Behaviour(status=404, body="<html>"))

        description = service.ask(destination=destination).json()["description"]

        host = url.removeprefix("http://")
        assert f"the OpenAI-compatible server at {host}" in description
        assert "TGI" not in description


def test_same_metrics(openai: Service, tgi: MockTGI) -> None:
    openai.ask()

    assert openai.metric("tgi_service_tgi_requests_total") == 1
    assert openai.metric("tgi_service_generated_tokens_total") == 20


def test_model_is_advertised_under_its_configured_name(start: StartService) -> None:
    service = start(BACKEND="openai", MODEL=MODEL, ADVERTISE_MODEL=True)

    response = service.http.get("/service-resources", params={"model_id": MODEL})

    assert response.json() == {"supported": True}


def test_not_ready_without_its_models(start: StartService, clock: FakeClock) -> None:
    with MockTGI() as tgi:
        service = start(
            clock=clock,
            WORKFLOW_POSITIONAL_ARGS=[f"{tgi.url}/elsewhere", 5],
            BACKEND="openai",
            MODEL=MODEL,
            workflow_class=Unprobed,
        )

        assert service.http.get("/ready").status_code == 503


def test_unknown_backend_is_refused_naming_the_variable() -> None:
    message = refusal(TGI_INF_BACKEND="vllm")

    assert "TGI_INF_BACKEND" in message
    assert "tgi, openai" in message


def test_model_without_its_backend_is_worth_a_hint() -> None:
    (hint,) = load(TGI_INF_MODEL=MODEL, TGI_INF_WORKFLOW_KW_ARGS={"max_new_tokens": 5}).warnings

    assert "TGI_INF_MODEL has no effect" in hint


def test_unknown_backend_of_the_workflow() -> None:
    with pytest.raises(ConfigurationError, match="tgi, openai"):
        TGIClientInferenceWorkflow("http://tgi", backend="vllm")


def test_configured_parameter_without_counterpart_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="top_k has no counterpart"):
        TGIClientInferenceWorkflow("http://tgi", backend="openai", model=MODEL, top_k=5)


def test_missing_model_ends_the_process() -> None:
    ended = run(
        {"TGI_INF_WORKFLOW_POSITIONAL_ARGS": '["http://vllm"]', "TGI_INF_BACKEND": "openai"}
    )

    assert ended.returncode != 0
    assert "TGI_INF_MODEL" in ended.stderr
    assert "Traceback" not in ended.stderr
