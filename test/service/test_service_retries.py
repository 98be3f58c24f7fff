"""Retries as TGI sees them: how many calls it receives, and after which waits."""

import re
import threading
from typing import Any

import pytest

from test.service.serving import FakeClock, Service, StartService, Unprobed
from test.support.mock_tgi import Behaviour, MockTGI, overloaded
from test.support.waiting import SECONDS

NO_JITTER = {"retry_params": {"jitter": 0}}
ONE_STREAM_EVENT = Behaviour(
    after=0, then="error", event={"error": "Model is overloaded", "error_type": "overloaded"}
)


def error(status: int, text: str = "not now", error_type: str | None = None) -> Behaviour:
    body = {"error": text} | ({"error_type": error_type} if error_type else {})
    return Behaviour(status=status, body=body)


@pytest.mark.parametrize("destination", [0, 1, 2])
def test_permanent_overload_gets_exactly_three_calls(
    start: StartService, tgi: MockTGI, clock: FakeClock, destination: int
) -> None:
    """The promise that the original broke: with three tries it called once."""
    service = start(clock=clock, WORKFLOW_KW_ARGS=NO_JITTER)
    tgi.always(overloaded())

    response = service.ask(destination=destination)

    assert len(tgi.generations) == 3
    assert clock.waits == [3, 6]
    assert response.status_code == 429
    assert response.json()["description"] == "Model is overloaded"
    assert response.headers["Retry-After"] == "10"


@pytest.mark.parametrize("tries", [1, 2, 5])
def test_setting_is_the_number_of_calls(
    start: StartService, tgi: MockTGI, clock: FakeClock, tries: int
) -> None:
    service = start(clock=clock, WORKFLOW_KW_ARGS={"retry_params": {"tries": tries}})
    tgi.always(overloaded())

    assert service.ask().status_code == 429
    assert len(tgi.generations) == tries


def test_first_success_is_the_answer(start: StartService, tgi: MockTGI, clock: FakeClock) -> None:
    service = start(clock=clock, WORKFLOW_KW_ARGS=NO_JITTER)
    tgi.script(overloaded(), overloaded(), Behaviour(text="yes"))

    response = service.ask()

    assert response.json() == {"output": "yes"}
    assert len(tgi.generations) == 3
    assert clock.waits == [3, 6]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"tries": 5, "jitter": 0}, [3, 6, 10, 10]),
        ({"tries": 4, "jitter": 1, "max_delay": None}, [3, 7, 15]),
        ({"tries": 4, "delay": 30, "jitter": 0}, [30, 10, 10]),
        ({"tries": 4, "backoff": 1, "jitter": 0}, [3, 3, 3]),
    ],
)
def test_waits_between_calls(
    start: StartService, tgi: MockTGI, clock: FakeClock, params: Any, expected: list[float]
) -> None:
    service = start(clock=clock, WORKFLOW_KW_ARGS={"retry_params": params})
    tgi.always(overloaded())

    service.ask()

    assert clock.waits == expected


def test_default_waits(start: StartService, tgi: MockTGI, clock: FakeClock) -> None:
    service = start(clock=clock, WORKFLOW_KW_ARGS={})
    tgi.always(overloaded())

    service.ask()

    first, second = clock.waits
    assert first == 3
    assert 6.5 <= second <= 7.5


@pytest.mark.parametrize(
    "behaviour",
    [
        error(429, error_type="overloaded"),
        error(429, "rate limit"),
        error(403, "shard not ready"),
        error(424, "shard not ready"),
        error(504, "shard timeout"),
        error(502, "bad gateway"),
        error(503, "model is loading"),
        error(503, "unhealthy", "healthcheck"),
        Behaviour(status=502, body="<html>bad gateway</html>"),
        Behaviour(status=503, body=""),
        Behaviour(status=429, body="slow down"),
        Behaviour(drop=True),
    ],
)
@pytest.mark.parametrize("destination", [1, 2])
def test_passing_failures_are_tried_again(
    service: Service, tgi: MockTGI, behaviour: Behaviour, destination: int
) -> None:
    tgi.script(behaviour, Behaviour(text="yes"))

    response = service.ask(destination=destination)

    assert response.status_code == 200
    assert len(tgi.generations) == 2


@pytest.mark.parametrize(
    "behaviour",
    [
        error(422, "Input validation error: x", "validation"),
        error(424, "Request failed during generation: x", "generation"),
        error(500, "Incomplete generation", "incomplete_generation"),
        error(422, "Template error: x", "template_error"),
        error(500, "x", "an_error_type_of_the_future"),
        error(429, "x", "an_error_type_of_the_future"),
        error(400, "bad request"),
        error(404, "not found"),
        error(422, "unprocessable"),
        error(500, "internal"),
        error(501, "not implemented"),
        error(403, "the token is not valid"),
        Behaviour(status=401, body=""),
        Behaviour(status=500, body="<html>internal</html>"),
        Behaviour(status=200, body="<html>hello</html>"),
        Behaviour(status=200, body={"unexpected": "shape"}),
        Behaviour(status=307, headers={"Location": "/elsewhere"}),
    ],
)
@pytest.mark.parametrize("destination", [1, 2])
def test_lasting_failures_are_not_tried_again(
    service: Service, tgi: MockTGI, behaviour: Behaviour, destination: int
) -> None:
    tgi.always(behaviour)

    response = service.ask(destination=destination)

    assert response.status_code >= 400
    assert len(tgi.generations) == 1


def test_silence_is_not_tried_again(start: StartService, tgi: MockTGI) -> None:
    service = start(WORKFLOW_POSITIONAL_ARGS=[tgi.url, 0.2], workflow_class=Unprobed)
    tgi.always(Behaviour(hold=True))

    response = service.ask()

    assert response.status_code == 504
    assert "0.2 s" in response.json()["description"]
    tgi.wait_for(lambda tgi: len(tgi.generations) == 1)
    assert service.metric("tgi_service_tgi_retries_total") == 0


def test_stream_is_tried_again_before_its_first_token(service: Service, tgi: MockTGI) -> None:
    tgi.script(ONE_STREAM_EVENT, ONE_STREAM_EVENT, Behaviour(text="yes"))

    response = service.ask(destination=2)

    assert response.text == "yes"
    assert len(tgi.generations) == 3


def test_each_retry_is_logged_without_the_prompt(
    start: StartService, tgi: MockTGI, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    service = start(clock=clock, WORKFLOW_KW_ARGS=NO_JITTER)
    tgi.always(overloaded())

    service.ask({"text": "a secret question"})

    retries = [record for record in caplog.records if record.getMessage() == "tgi_retry"]
    assert [vars(record)["service_fields"] for record in retries] == [
        {
            "error": "TgiOverloadedError",
            "reason": "Model is overloaded",
            "attempt": attempt,
            "wait": wait,
        }
        for attempt, wait in [(1, 3), (2, 6)]
    ]
    assert not re.search("secret", caplog.text)


def test_waiting_does_not_block_other_requests(start: StartService, tgi: MockTGI) -> None:
    service = start(WORKFLOW_KW_ARGS={"retry_params": {"delay": 60}})
    tgi.script(overloaded())

    waiting = threading.Thread(target=service.ask, daemon=True)
    waiting.start()
    tgi.wait_for(lambda tgi: len(tgi.generations) == 1 and tgi.generations[0].finished)

    assert service.http.get("/").status_code == 200
    assert service.ask().status_code == 200

    service.worker.stop()
    waiting.join(SECONDS)
    assert not waiting.is_alive()
