"""What callers are told when TGI fails; every error is an object of three strings."""

from typing import Any

import pytest

from test.service.serving import Service, StartService
from test.support.mock_tgi import Behaviour, MockTGI
from tgi_service import TGIClientInferenceWorkflow, TgiInferenceRequest

LONG = "x" * 500


def tgi_error(status: int, error: str, error_type: str | None = None) -> Behaviour:
    body: dict[str, Any] = {"error": error}
    if error_type is not None:
        body["error_type"] = error_type
    return Behaviour(status=status, body=body)


ROWS = [
    (tgi_error(422, "Input validation error: a", "validation"), 400, "Input validation error: a"),
    (tgi_error(422, "Template error: b", "template_error"), 400, "Template error: b"),
    (tgi_error(422, "Tool error: c", "tool_error"), 400, "Tool error: c"),
    (tgi_error(422, "missing d", "missing_template_variable"), 400, "missing d"),
    (tgi_error(400, "bad request"), 400, "bad request"),
    (tgi_error(422, "unprocessable"), 400, "unprocessable"),
    (Behaviour(status=422, body="Failed to deserialize: x"), 400, "Failed to deserialize: x"),
    (Behaviour(status=400, body="Failed to parse"), 400, "Failed to parse"),
    (Behaviour(status=413, body="length limit exceeded"), 400, "length limit exceeded"),
    (tgi_error(429, "Model is overloaded", "overloaded"), 429, "Model is overloaded"),
    (tgi_error(429, "rate limit reached"), 429, "rate limit reached"),
    (Behaviour(status=429, body=""), 429, "rate"),
    (Behaviour(status=401, body=""), 502, "token"),
    (tgi_error(403, "token has no permission"), 502, "token"),
    (tgi_error(403, "shard not ready"), 503, "shard not ready"),
    (tgi_error(424, "shard not ready"), 503, "shard not ready"),
    (tgi_error(503, "Model is loading"), 503, "Model is loading"),
    (Behaviour(status=502, body="<html>gateway</html>"), 503, "502 <html>gateway</html>"),
    (Behaviour(drop=True), 503, "cannot be reached"),
    (tgi_error(504, "shard timeout"), 504, "shard timeout"),
    (tgi_error(424, "Request failed during generation: e", "generation"), 500, "generation: e"),
    (tgi_error(500, "Incomplete generation", "incomplete_generation"), 500, "Incomplete"),
    (Behaviour(status=200, body=f"<html>{LONG}"), 502, "200: <html>xxx"),
    (Behaviour(status=200, body={"unexpected": LONG}), 502, '200: {"unexpected": "xxx'),
    (Behaviour(status=200, body=[]), 502, "200: []"),
    (Behaviour(status=200, body={"generated_text": 7}), 502, "generated_text"),
    (Behaviour(status=200, body='{"generated_text": "\\ud800"}'), 502, "generated_text"),
    (Behaviour(status=200, body="null"), 502, "null"),
    (Behaviour(status=400, body=""), 400, "refuses the input: 400"),
    (Behaviour(status=204), 502, "204"),
    (Behaviour(status=404, body=""), 502, "404"),
    (tgi_error(404, "not found"), 502, "404: not found"),
    (Behaviour(status=500, body="<html>oops"), 502, "500: <html>oops"),
    (tgi_error(500, "new", "an_error_type_of_the_future"), 502, "500: new"),
    (Behaviour(status=308, headers={"Location": "/x"}), 502, "308"),
]


@pytest.mark.parametrize(("behaviour", "status", "description"), ROWS)
def test_failure_of_tgi(
    service: Service, tgi: MockTGI, behaviour: Behaviour, status: int, description: str
) -> None:
    tgi.always(behaviour)

    response = service.ask()

    content = response.json()
    assert (response.status_code, content["code"]) == (status, str(status))
    assert content.keys() == {"code", "name", "description"}
    assert description in content["description"]
    assert len(content["description"]) < 300
    assert response.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("destination", [0, 1, 2])
def test_failure_is_the_same_for_every_destination(
    service: Service, tgi: MockTGI, destination: int
) -> None:
    tgi.always(tgi_error(422, "Input validation error: a", "validation"))

    response = service.ask(destination=destination)

    assert response.status_code == 400
    assert response.json() == {
        "code": "400",
        "name": "Bad Request",
        "description": "Input validation error: a",
    }


def test_refused_connection_names_the_host(start: StartService, closed_port: int) -> None:
    service = start(WORKFLOW_POSITIONAL_ARGS=[f"http://127.0.0.1:{closed_port}", 5])

    response = service.ask()

    assert response.status_code == 503
    assert f"127.0.0.1:{closed_port}" in response.json()["description"]


def test_unknown_host_is_named(start: StartService) -> None:
    service = start(WORKFLOW_POSITIONAL_ARGS=["http://tgi.invalid:80", 5])

    response = service.ask()

    assert response.status_code == 503
    assert "tgi.invalid" in response.json()["description"]


@pytest.mark.parametrize("destination", [1, 2])
def test_token_never_appears(
    start: StartService,
    tgi: MockTGI,
    caplog: pytest.LogCaptureFixture,
    destination: int,
) -> None:
    service = start(TOKEN="hf_s3cret", WORKFLOW_KW_ARGS={"headers": {"X-Key": "s3cret2"}})
    tgi.always(Behaviour(status=401, body=""))

    response = service.ask(destination=destination)

    assert tgi.generations[0].headers["authorization"] == "Bearer hf_s3cret"
    assert response.status_code == 502
    assert "s3cret" not in response.text
    assert "s3cret" not in caplog.text


def test_something_unexpected_is_masked(
    start: StartService, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(TGIClientInferenceWorkflow):
        def do_postprocessing(self, request: TgiInferenceRequest, text: str) -> str:
            raise RuntimeError(f"cannot cope with {request.text}")

    service = start(workflow_class=Broken)

    response = service.ask({"text": "a secret question"})

    assert response.status_code == 500
    assert response.json().keys() == {"code", "name", "description"}
    assert "secret" not in response.text
    assert "secret" not in "".join(str(vars(record)) for record in caplog.records)
    (record,) = [r for r in caplog.records if r.getMessage() == "unexpected_error"]
    assert vars(record)["service_fields"]["error"] == "RuntimeError"
    assert "do_postprocessing" in vars(record)["service_fields"]["trace"]
