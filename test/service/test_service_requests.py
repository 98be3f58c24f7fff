"""What a single request may ask for beside its text, and what it may not."""

import json
import threading
from typing import Any

import pytest
from eth_abi.abi import encode

from test.service.serving import QUESTION, Service, StartService, environment, serve
from test.support.mock_tgi import Behaviour, MockTGI
from test.support.waiting import SECONDS


def described(service: Service, data: Any, **locations: int) -> str:
    """Asks, expects a refusal, and returns its description."""
    response = service.ask(data, **locations)
    assert response.status_code == 400, response.text
    return str(response.json()["description"])


def onchain(text: str, options: Any) -> str:
    return encode(["string", "string"], [text, json.dumps(options)]).hex()


def test_parameters_of_a_request_lie_over_the_configured_ones(
    start: StartService, tgi: MockTGI
) -> None:
    service = start(WORKFLOW_KW_ARGS={"temperature": 0.5, "seed": 1, "max_new_tokens": 50})

    service.ask({"text": "q", "parameters": {"seed": 2, "temperature": None, "top_k": 3}})
    service.ask({"text": "q"})

    asked, configured = (recorded.json["parameters"] for recorded in tgi.generations)
    assert (asked["seed"], asked["top_k"], asked["max_new_tokens"]) == (2, 3, 50)
    assert "temperature" not in asked
    assert (configured["seed"], configured["temperature"]) == (1, 0.5)
    assert "top_k" not in configured


def test_parameters_apply_to_streams(service: Service, tgi: MockTGI) -> None:
    service.ask({"text": "q", "parameters": {"max_new_tokens": 3}}, destination=2)

    assert tgi.generations[0].json["parameters"]["max_new_tokens"] == 3


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"temperature": 0}, "temperature"),
        ({"temperature": 10**400}, "temperature"),
        ({"colour": "red"}, "colour"),
        ({"retry_params": {"tries": 9}}, "retry_params"),
        ({"headers": {}}, "headers"),
        ({"stop": [1]}, "stop"),
        ("hot", "data.parameters"),
        ([], "data.parameters"),
        ({"grammar": {"type": "json", "value": json.loads("[" * 50 + "]" * 50)}}, "parameters"),
    ],
)
def test_wrong_parameters_are_named(
    service: Service, tgi: MockTGI, parameters: Any, named: str
) -> None:
    assert named in described(service, {"text": "q", "parameters": parameters})
    assert tgi.generations == []


@pytest.mark.parametrize("name", ["best_of", "decoder_input_details"])
def test_parameters_that_streams_cannot_have_are_refused(
    service: Service, tgi: MockTGI, name: str
) -> None:
    value = 2 if name == "best_of" else True

    assert name in described(service, {"text": "q", "parameters": {name: value}}, destination=2)
    assert tgi.generations == []


def test_parameters_that_are_not_set_are_no_reason_to_refuse(service: Service) -> None:
    data = {"text": "q", "parameters": {"best_of": None}}

    assert service.ask(data, destination=2).status_code == 200


def test_ceiling_of_new_tokens(start: StartService, tgi: MockTGI) -> None:
    service = start(MAX_NEW_TOKENS_LIMIT=100)

    assert service.ask({"text": "q", "parameters": {"max_new_tokens": 100}}).status_code == 200
    assert "100" in described(service, {"text": "q", "parameters": {"max_new_tokens": 101}})
    assert "100" in described(service, {"text": "q", "parameters": {"max_new_tokens": None}})
    assert len(tgi.generations) == 1


@pytest.mark.parametrize("name", ["text", "prompt", "inputs", "output"])
def test_names_of_the_prompt(service: Service, tgi: MockTGI, name: str) -> None:
    assert service.ask({name: "question"}).status_code == 200
    assert tgi.generations[0].json["inputs"] == "question"


def test_text_wins_over_its_other_names(service: Service, tgi: MockTGI) -> None:
    service.ask({"prompt": "b", "text": "a", "output": "c"})

    assert tgi.generations[0].json["inputs"] == "a"


def test_answer_of_one_container_is_a_question_for_the_next(service: Service, tgi: MockTGI) -> None:
    first = service.ask().json()

    assert service.ask(first).status_code == 200
    assert tgi.generations[1].json["inputs"] == first["output"]


@pytest.mark.parametrize("value", [None, 5, ["q"], {"output": "q"}, ""])
def test_other_names_must_hold_text_too(service: Service, value: Any) -> None:
    assert "data.output" in described(service, {"output": value})


def test_parameters_on_chain(service: Service, tgi: MockTGI) -> None:
    data = onchain("question", {"parameters": {"max_new_tokens": 3, "stop_sequences": ["x"]}})

    answer = service.ask(data, source=0, destination=0)

    assert answer.json()["raw_input"] == data
    sent = tgi.generations[0].json
    assert sent["inputs"] == "question"
    assert (sent["parameters"]["max_new_tokens"], sent["parameters"]["stop"]) == (3, ["x"])


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (onchain("question", {"parameters": {"top_p": 2}}), "top_p"),
        (onchain("question", []), "object"),
        (onchain("", {}), "text"),
        (onchain("question", {"messages": [{"role": "user", "content": "q"}]}), "messages"),
        (encode(["string", "string"], ["question", "{"]).hex(), "JSON"),
        (encode(["string", "string", "string"], ["a", "b", "c"]).hex(), "abi.encode"),
        (encode(["bytes", "bytes"], [b"\xff", b"{}"]).hex(), "abi.encode"),
        (encode(["string", "string"], ["a", "{}"]).hex() + "00" * 32, "abi.encode"),
    ],
)
def test_wrong_input_on_chain_is_named(
    service: Service, tgi: MockTGI, data: str, named: str
) -> None:
    assert named in described(service, data, source=0, destination=0)
    assert tgi.generations == []


def test_details_beside_the_output(service: Service, tgi: MockTGI) -> None:
    answer = service.ask({"text": QUESTION, "details": True}).json()

    assert answer.keys() == {"output", "details"}
    assert answer["details"]["finish_reason"] == "length"
    assert answer["details"]["generated_tokens"] == 20
    tokens = answer["details"]["tokens"]
    assert "".join(token["text"] for token in tokens) == answer["output"]
    assert answer["details"].keys() == {
        "finish_reason",
        "generated_tokens",
        "seed",
        "prefill",
        "tokens",
    }


def test_details_can_be_had_where_they_are_configured_away(start: StartService) -> None:
    service = start(WORKFLOW_KW_ARGS={"details": False})

    assert service.ask({"text": "q", "details": True}).json()["details"]["generated_tokens"] > 0
    assert service.ask({"text": "q"}).json().keys() == {"output"}


@pytest.mark.parametrize("destination", [0, 2])
def test_details_are_for_off_chain_answers_only(
    service: Service, tgi: MockTGI, destination: int
) -> None:
    tgi.script(Behaviour(text="yes"))

    response = service.ask({"text": "q", "details": True}, destination=destination)

    assert response.status_code == 200
    if destination == 0:
        assert "details" not in response.json()
    else:
        assert response.text == "yes"


def test_details_must_be_a_boolean(service: Service) -> None:
    assert "data.details" in described(service, {"text": "q", "details": "all"})


def test_limit_of_input(start: StartService, tgi: MockTGI) -> None:
    service = start(MAX_INPUT_CHARS=5)

    assert service.ask({"text": "12345"}).status_code == 200
    assert "5" in described(service, {"text": "123456"})
    assert "5" in described(service, encode(["string"], ["123456"]).hex(), source=0)
    chat = [{"role": "user", "content": "123"}, {"role": "user", "content": "456"}]
    assert "5" in described(service, {"messages": chat})
    assert len(tgi.generations) == 1


def test_limit_of_output_on_chain(start: StartService, tgi: MockTGI) -> None:
    service = start(MAX_ONCHAIN_OUTPUT_BYTES=96)
    tgi.script(Behaviour(text="x" * 32), Behaviour(text="x" * 33), Behaviour(text="x" * 33))

    assert service.ask(destination=0).status_code == 200
    refused = service.ask(destination=0)
    assert refused.status_code == 500
    assert "TGI_INF_MAX_ONCHAIN_OUTPUT_BYTES is 96" in refused.json()["description"]
    assert service.ask(destination=1).status_code == 200


@pytest.mark.parametrize(
    "data",
    [
        {"text": "look at ![](http://internal/)"},
        {"messages": [{"role": "user", "content": "![](http://internal/)"}]},
        {
            "messages": [
                {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}
            ]
        },
    ],
)
def test_images_are_refused_if_they_are_not_allowed(
    start: StartService, tgi: MockTGI, data: Any
) -> None:
    service = start(ALLOW_IMAGE_URLS="false")

    assert "image" in described(service, data)
    assert tgi.generations == []


def test_images_are_plain_text_by_default(service: Service, tgi: MockTGI) -> None:
    assert service.ask({"text": "look at ![](http://internal/)"}).status_code == 200


def _hold(service: Service, tgi: MockTGI, count: int) -> list[threading.Thread]:
    before = len(tgi.generations)
    threads = [threading.Thread(target=service.ask) for _ in range(count)]
    for thread in threads:
        thread.start()
    tgi.wait_for(lambda tgi: len(tgi.generations) == before + count)
    return threads


@pytest.mark.parametrize("destination", [0, 1, 2])
def test_limit_of_concurrency_refuses_before_tgi_is_asked(
    start: StartService, tgi: MockTGI, destination: int
) -> None:
    service = start(MAX_CONCURRENCY=2)
    tgi.always(Behaviour(hold=True))
    running = _hold(service, tgi, 2)

    refused = service.ask(destination=destination)

    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) >= 1
    assert "TGI_INF_MAX_CONCURRENCY" in refused.json()["description"]
    assert len(tgi.generations) == 2

    tgi.always(Behaviour())
    tgi.release()
    for thread in running:
        thread.join(SECONDS)
    assert service.ask(destination=destination).status_code == 200


def test_worker_refuses_what_it_has_no_threads_for(start: StartService, tgi: MockTGI) -> None:
    service = start(per_worker=1)
    tgi.always(Behaviour(hold=True))
    (running,) = _hold(service, tgi, 1)

    assert service.ask().status_code == 429
    assert service.http.get("/").status_code == 200

    tgi.release()
    running.join(SECONDS)


def test_refused_jobs_leave_no_slot_occupied(start: StartService, tgi: MockTGI) -> None:
    service = start(MAX_CONCURRENCY=1, per_worker=1)
    tgi.script(*[Behaviour(status=500, body="no")] * 3)

    for destination in (0, 1, 2):
        assert service.ask(destination=destination).status_code == 502
    service.ask({"text": ""})

    assert service.ask().status_code == 200


def test_64_jobs_at_once_and_health_besides() -> None:
    with MockTGI() as tgi, serve(environment(tgi)) as service:
        tgi.reset()
        tgi.always(Behaviour(hold=True))
        running = _hold(service, tgi, 64)

        assert service.http.get("/").json()["message"]
        assert service.metric("tgi_service_jobs_in_flight") == 64

        tgi.release()
        for thread in running:
            thread.join(SECONDS)
        assert service.metric("tgi_service_jobs_total", status="200") == 64
