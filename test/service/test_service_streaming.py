"""Destination STREAM: the text of the tokens as they come, and honest ends."""

import http.client
import json
import logging
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from test.service.serving import (
    QUESTION,
    Service,
    StartService,
    Unprobed,
    environment,
    serve,
)
from test.support.mock_tgi import Behaviour, MockTGI
from test.support.waiting import SECONDS
from tgi_service import TGIClientInferenceWorkflow
from tgi_service.backend import StreamItem, Token

STREAM = {"source": 1, "destination": 2, "data": {"text": QUESTION}}


def chunks(service: Service, body: Any = STREAM) -> list[bytes]:
    """Returns the chunks of the transfer, exactly as they are framed."""
    connection = http.client.HTTPConnection(service.url.removeprefix("http://"), timeout=SECONDS)
    try:
        connection.request(
            "POST", "/service_output", json.dumps(body), {"Content-Type": "application/json"}
        )
        response = connection.getresponse()
        assert response.getheader("Transfer-Encoding") == "chunked"
        raw = response.fp
        found = []
        while (size := int(raw.readline(), 16)) > 0:
            found.append(raw.read(size))
            assert raw.readline() == b"\r\n"
        return found
    finally:
        connection.close()


def test_one_chunk_for_each_token_and_nothing_else(service: Service, tgi: MockTGI) -> None:
    tgi.script(Behaviour(token_texts=("Yes", ",", " in", " a", " way")))

    assert chunks(service) == [b"Yes", b",", b" in", b" a", b" way"]


def test_answer_is_plain_text_without_a_newline(service: Service, tgi: MockTGI) -> None:
    tgi.script(Behaviour(text="yes"))

    response = service.ask(destination=2)

    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert response.content == b"yes"


def test_stream_equals_the_whole_answer(start: StartService) -> None:
    service = start(WORKFLOW_KW_ARGS={"max_new_tokens": 500})

    whole = service.ask().json()["output"]

    assert service.ask(destination=2).text == whole
    assert len(whole) > 50


def test_special_and_empty_tokens_are_left_out(service: Service, tgi: MockTGI) -> None:
    tgi.script(Behaviour(token_texts=("<s>", "Yes", "", "<|pad|>", " ", "!", "</s>")))

    assert chunks(service) == [b"Yes", b" ", b"!"]


def test_split_characters_arrive_whole(service: Service, tgi: MockTGI) -> None:
    text = "Käse 🍤 米飯\u2028\x85 end"
    tgi.script(Behaviour(text=text))

    received = chunks(service)

    assert b"".join(received).decode() == text
    for chunk in received:
        chunk.decode()


def test_stream_without_any_text(service: Service, tgi: MockTGI) -> None:
    tgi.script(Behaviour(token_texts=("</s>",)))

    assert chunks(service) == []


@pytest.mark.parametrize("spaced", [True, False])
def test_both_spacings_of_events_are_read(spaced: bool) -> None:
    with MockTGI(space_after_colon=spaced) as tgi, serve(environment(tgi)) as service:
        tgi.script(Behaviour(text="yes"))

        assert service.ask(destination=2).text == "yes"


def test_tokens_arrive_while_tgi_is_still_generating(service: Service, tgi: MockTGI) -> None:
    tgi.script(Behaviour(token_texts=("one", "two"), after=1, then="hold"))

    with service.http.stream("POST", "/service_output", json=STREAM) as response:
        pieces = response.iter_raw()
        assert next(pieces) == b"one"
        assert service.http.get("/").status_code == 200
        tgi.release()
        assert b"".join(pieces) == b"two"


def test_refused_parameters_are_left_out_with_one_warning(
    start: StartService, tgi: MockTGI, caplog: pytest.LogCaptureFixture
) -> None:
    service = start(
        WORKFLOW_KW_ARGS={"best_of": 2, "do_sample": True, "decoder_input_details": True}
    )

    assert service.ask(destination=2).status_code == 200
    assert service.ask(destination=2).status_code == 200
    assert service.ask().status_code == 200

    streamed, _, whole = (recorded.json["parameters"] for recorded in tgi.generations)
    assert whole.keys() - streamed.keys() == {"best_of", "decoder_input_details"}
    warnings = [r for r in caplog.records if r.getMessage() == "left_out_of_streams"]
    assert len(warnings) == 1


FIRST_EVENT_ERRORS = [
    ({"error": "Input validation error: a", "error_type": "validation"}, 400),
    ({"error": "Model is overloaded", "error_type": "overloaded"}, 429),
    ({"error": "Request failed during generation: b", "error_type": "generation"}, 500),
    ({"error": "Incomplete generation stream", "error_type": "incomplete_generation_stream"}, 500),
    ({"error": "something new"}, 500),
]


@pytest.mark.parametrize(("event", "status"), FIRST_EVENT_ERRORS)
def test_error_before_the_first_token_is_an_error_object(
    service: Service, tgi: MockTGI, event: dict[str, str], status: int
) -> None:
    tgi.always(Behaviour(after=0, then="error", event=event))

    response = service.ask(destination=2)

    assert response.status_code == status
    assert response.json()["code"] == str(status)
    assert response.json()["description"] == event["error"]


@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour(after=0, then="end"),
        Behaviour(after=0, then="reset"),
        Behaviour(after=0, then="error", event={"token": "no token"}),
        Behaviour(status=200, body="data: {broken\n\n"),
        Behaviour(status=200, body="data: [1]\n\n"),
        Behaviour(status=200, body="data:[DONE]\n\n"),
    ],
)
def test_stream_that_is_none_is_an_error_object(
    service: Service, tgi: MockTGI, behaviour: Behaviour
) -> None:
    tgi.script(behaviour)

    response = service.ask(destination=2)

    assert response.status_code in {500, 502}
    assert response.json()["code"] == str(response.status_code)
    assert len(tgi.generations) == 1


@pytest.mark.parametrize(
    "body", ["<html>hello</html>", "<html>\nhello\n</html>\n", '{"a": "<html>"}']
)
def test_page_of_some_other_server_is_shown(service: Service, tgi: MockTGI, body: str) -> None:
    tgi.script(Behaviour(status=200, body=body))

    response = service.ask(destination=2)

    assert response.status_code == 502
    assert "answered 200" in response.json()["description"]
    assert "<html>" in response.json()["description"]


@pytest.mark.parametrize("then", ["end", "reset", "error"])
def test_error_after_a_token_breaks_the_transfer(service: Service, tgi: MockTGI, then: Any) -> None:
    tgi.script(Behaviour(token_texts=("one", "two", "three"), after=2, then=then))

    with service.http.stream("POST", "/service_output", json=STREAM) as response:
        pieces = response.iter_raw()
        assert response.status_code == 200
        assert next(pieces) + next(pieces) == b"onetwo"
        with pytest.raises(httpx.RemoteProtocolError):
            next(pieces)
    assert len(tgi.generations) == 1


def test_silence_after_a_token_breaks_the_transfer(start: StartService, tgi: MockTGI) -> None:
    long_enough_for_one_token = 3
    service = start(
        WORKFLOW_POSITIONAL_ARGS=[tgi.url, long_enough_for_one_token], workflow_class=Unprobed
    )
    tgi.script(Behaviour(token_texts=("one", "two"), after=1, then="hold"))

    with (
        pytest.raises(httpx.RemoteProtocolError),
        service.http.stream("POST", "/service_output", json=STREAM) as response,
    ):
        assert list(response.iter_raw()) == [b"one"]


def test_broken_transfer_is_recorded_as_the_failure_it_is(
    start: StartService, tgi: MockTGI, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    service = start()
    tgi.script(Behaviour(token_texts=("one", "two"), after=1, then="end"))

    with (
        pytest.raises(httpx.RemoteProtocolError),
        service.http.stream("POST", "/service_output", json=STREAM) as response,
    ):
        response.read()

    (record,) = [r for r in caplog.records if r.getMessage() == "job"]
    assert vars(record)["service_fields"]["status"] == "500"
    assert vars(record)["service_fields"]["error"] == "TgiGenerationError"
    assert not [r for r in caplog.records if r.levelno >= logging.ERROR]
    count = service.metric(
        "tgi_service_jobs_total", source="offchain", destination="stream", status="500"
    )
    assert count == 1


def test_streams_have_no_deadline(start: StartService, tgi: MockTGI) -> None:
    service = start(JOB_DEADLINE=0.3)
    tgi.script(Behaviour(token_texts=("a", "b", "c", "d"), token_delay=0.15))

    assert service.ask(destination=2).text == "abcd"


def test_slow_reader_holds_tgi_back(start: StartService, tgi: MockTGI) -> None:
    """What the caller does not read is not fetched: buffers fill up, then TGI waits."""
    service = start(WORKFLOW_KW_ARGS={"max_new_tokens": 4000})
    piece = "x" * 60_000
    tgi.script(Behaviour(token_texts=(piece,) * 1000))

    with service.http.stream("POST", "/service_output", json=STREAM) as response:
        first = next(response.iter_raw())
        assert first
        recorded = tgi.generations[0]
        with pytest.raises(TimeoutError):
            tgi.wait_for(lambda _: recorded.tokens_sent > 500, timeout=0.5)

    assert recorded.tokens_sent > 0


def test_subclass_may_stream_something_else(start: StartService) -> None:
    class Canned(TGIClientInferenceWorkflow):
        def do_stream(self, prompt: str) -> Iterator[StreamItem]:
            yield StreamItem(Token(prompt.upper(), special=False))
            yield StreamItem(Token("<end>", special=True), generated_text=prompt)

    service = start(workflow_class=Canned)

    assert service.ask({"text": "hello"}, destination=2).text == "HELLO"


def test_error_of_a_subclass_before_its_first_token(start: StartService) -> None:
    class Broken(TGIClientInferenceWorkflow):
        def do_stream(self, prompt: str) -> Iterator[StreamItem]:
            if prompt:
                raise RuntimeError("no")
            yield StreamItem(Token("never", special=False))

    service = start(workflow_class=Broken)

    response = service.ask(destination=2)

    assert response.status_code == 500
    assert response.json()["code"] == "500"
