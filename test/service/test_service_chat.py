"""Chats instead of prompts: ``data.messages``."""

import json
from typing import Any

import pytest
from eth_abi.abi import decode, encode

from test.service.serving import QUESTION, Service, StartService
from test.support.mock_tgi import Behaviour, MockTGI, overloaded

CHAT = [{"role": "user", "content": QUESTION}]
PATH = "/v1/chat/completions"


def test_answer_is_the_text_of_the_message(service: Service, tgi: MockTGI) -> None:
    tgi.script(Behaviour(text="yes"))

    response = service.ask({"messages": CHAT})

    assert response.json() == {"output": "yes"}
    (recorded,) = tgi.generations
    assert recorded.path == PATH
    assert recorded.json["messages"] == CHAT
    assert recorded.json["max_tokens"] == 20
    assert recorded.json["temperature"] == 0


@pytest.mark.parametrize("path", ["/generate", ""])
def test_route_is_appended_without_the_ending(start: StartService, tgi: MockTGI, path: str) -> None:
    service = start(WORKFLOW_POSITIONAL_ARGS=[tgi.url + path, 5])

    assert service.ask({"messages": CHAT}).status_code == 200
    assert tgi.generations[0].path == PATH


def test_stream_passes_on_content(service: Service, tgi: MockTGI) -> None:
    tgi.script(Behaviour(token_texts=("Y", "es", "</s>")))

    response = service.ask({"messages": CHAT}, destination=2)

    assert response.text == "Yes"
    assert tgi.generations[0].json["stream"] is True


def test_on_chain(service: Service, tgi: MockTGI) -> None:
    tgi.script(Behaviour(text="yes"))
    data = encode(["string", "string"], ["", json.dumps({"messages": CHAT})]).hex()

    answer = service.ask(data, source=0, destination=0).json()

    assert answer["raw_input"] == data
    assert decode(["string"], bytes.fromhex(answer["raw_output"])) == ("yes",)
    assert tgi.generations[0].json["messages"] == CHAT


def test_details(service: Service, tgi: MockTGI) -> None:
    tgi.script(Behaviour(text="yes"))

    answer = service.ask({"messages": CHAT, "details": True}).json()

    assert answer["details"]["finish_reason"] == "stop"
    assert answer["details"]["usage"]["completion_tokens"] == 2
    assert answer["details"]["generated_tokens"] == 2


def test_parameters_are_translated(start: StartService, tgi: MockTGI) -> None:
    service = start(WORKFLOW_KW_ARGS={"top_k": 5, "watermark": True, "repetition_penalty": 1.5})
    grammar = {"type": "json", "value": {"properties": {"a": {"type": "string"}}}}

    service.ask(
        {
            "messages": CHAT,
            "parameters": {
                "temperature": 0.5,
                "top_p": 0.9,
                "seed": 3,
                "stop": ["."],
                "max_new_tokens": 50,
                "frequency_penalty": 1,
                "grammar": grammar,
            },
        }
    )

    sent = tgi.generations[0].json
    del sent["messages"], sent["model"], sent["stream"]
    assert sent == {
        "temperature": 0.5,
        "top_p": 0.9,
        "seed": 3,
        "stop": ["."],
        "max_tokens": 50,
        "frequency_penalty": 1,
        "presence_penalty": -0.5,
        "response_format": grammar,
    }


@pytest.mark.parametrize(
    ("parameters", "temperature"),
    [({}, 0), ({"do_sample": True}, None), ({"top_p": 0.5}, None), ({"temperature": 2}, 2)],
)
def test_sampling_is_on_exactly_where_it_is_for_prompts(
    service: Service, tgi: MockTGI, parameters: Any, temperature: float | None
) -> None:
    service.ask({"messages": CHAT, "parameters": parameters})

    assert tgi.generations[0].json.get("temperature") == temperature


def test_schema_with_a_name_is_unwrapped(service: Service, tgi: MockTGI) -> None:
    schema = {"properties": {"a": {"type": "integer"}}}
    grammar = {"type": "json_schema", "value": {"name": "thing", "schema": schema}}

    response = service.ask({"messages": CHAT, "parameters": {"grammar": grammar}})

    assert json.loads(response.json()["output"]) == {"a": 0}
    assert tgi.generations[0].json["response_format"] == {"type": "json_object", "value": schema}


@pytest.mark.parametrize("destination", [1, 2])
def test_parameters_without_counterpart_are_refused(
    service: Service, tgi: MockTGI, destination: int
) -> None:
    response = service.ask({"messages": CHAT, "parameters": {"top_k": 5}}, destination=destination)

    assert response.status_code == 400
    assert "top_k" in response.json()["description"]
    assert tgi.generations == []


def test_system_prompt_is_put_before_chats_without_one(start: StartService, tgi: MockTGI) -> None:
    service = start(SYSTEM_PROMPT="Be brief.")
    own = [{"role": "system", "content": "Be long."}, *CHAT]

    service.ask({"messages": CHAT})
    service.ask({"messages": own})
    service.ask({"text": QUESTION})

    chat, with_own, prompt = tgi.generations
    assert chat.json["messages"] == [{"role": "system", "content": "Be brief."}, *CHAT]
    assert with_own.json["messages"] == own
    assert prompt.json["inputs"] == QUESTION


@pytest.mark.parametrize(
    "messages",
    [
        CHAT,
        [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
        [{"role": "assistant", "tool_calls": []}, *CHAT],
        [{"role": "user", "content": "", "name": "Ann"}],
    ],
)
def test_forms_of_messages(service: Service, tgi: MockTGI, messages: Any) -> None:
    assert service.ask({"messages": messages}).status_code == 200
    assert tgi.generations[0].json["messages"] == messages


@pytest.mark.parametrize(
    "messages",
    [
        [],
        "hi",
        {},
        ["hi"],
        [{}],
        [{"role": 1, "content": "hi"}],
        [{"content": "hi"}],
        [{"role": "user"}],
        [{"role": "user", "content": None}],
        [{"role": "user", "content": ["hi"]}],
        [{"role": "user", "content": json.loads("[" * 50 + "]" * 50)}],
    ],
)
def test_wrong_messages_are_named(service: Service, tgi: MockTGI, messages: Any) -> None:
    response = service.ask({"messages": messages})

    assert response.status_code == 400
    assert "data.messages" in response.json()["description"]
    assert tgi.generations == []


@pytest.mark.parametrize("name", ["text", "prompt"])
def test_text_and_messages_exclude_each_other(service: Service, tgi: MockTGI, name: str) -> None:
    response = service.ask({"messages": CHAT, name: "hi"})

    assert response.status_code == 400
    assert f"data.{name}" in response.json()["description"]
    assert tgi.generations == []


@pytest.mark.parametrize("destination", [1, 2])
def test_overload_is_retried(service: Service, tgi: MockTGI, destination: int) -> None:
    tgi.script(overloaded(), overloaded(), Behaviour(text="yes"))

    response = service.ask({"messages": CHAT}, destination=destination)

    assert "yes" in response.text
    assert len(tgi.generations) == 3


@pytest.mark.parametrize(
    ("message", "status"),
    [
        ("Input validation error: a", 400),
        ("Model is overloaded", 429),
        ("Request failed during generation: b", 500),
    ],
)
def test_error_event(service: Service, tgi: MockTGI, message: str, status: int) -> None:
    event = {"error": {"message": message, "http_status_code": 422}}
    tgi.always(Behaviour(after=0, then="error", event=event))

    response = service.ask({"messages": CHAT}, destination=2)

    assert response.status_code == status
    assert response.json()["description"] == message


@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour(status=200, body={"choices": []}),
        Behaviour(status=200, body={"choices": [{"message": {"role": "assistant"}}]}),
        Behaviour(status=200, body="hello"),
    ],
)
def test_answer_of_another_shape(service: Service, tgi: MockTGI, behaviour: Behaviour) -> None:
    tgi.script(behaviour)

    assert service.ask({"messages": CHAT}).status_code == 502


def test_stream_that_is_cut_before_its_first_token(service: Service, tgi: MockTGI) -> None:
    tgi.script(Behaviour(after=0, then="end"))

    assert service.ask({"messages": CHAT}, destination=2).status_code == 500


def test_chunk_without_choices_is_passed_over(service: Service, tgi: MockTGI) -> None:
    def chunk(choices: Any) -> str:
        return f"data:{json.dumps({'choices': choices})}\n\n"

    final = {"index": 0, "delta": {"content": "yes"}, "finish_reason": "stop"}
    tgi.script(Behaviour(status=200, body=chunk([]) + chunk([final]) + "data:[DONE]\n\n"))

    assert service.ask({"messages": CHAT}, destination=2).text == "yes"
