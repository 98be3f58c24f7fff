"""What ends up in the log: one line for each job, and never what was asked."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from test.service.serving import Service, StartService
from test.support.mock_tgi import Behaviour, MockTGI
from tgi_service import logs

SECRET = "a secret question"


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[Any]:
    """Returns the fields of the log lines of jobs."""
    caplog.set_level(logging.INFO)

    def jobs() -> list[dict[str, Any]]:
        return [
            vars(record)["service_fields"]
            for record in caplog.records
            if record.getMessage() == "job"
        ]

    return jobs  # type: ignore[return-value]


def test_one_line_for_each_job(service: Service, tgi: MockTGI, lines: Any) -> None:
    tgi.script(Behaviour(status=503, body="loading"), Behaviour(text="yes"))

    service.post(
        {"source": 1, "destination": 0, "data": {"text": SECRET}},
        headers={"X-Request-ID": "job-7"},
    )

    (line,) = lines()
    assert line.pop("seconds") >= line.pop("tgi_seconds") >= 0
    assert line == {
        "id": "job-7",
        "source": "offchain",
        "destination": "onchain",
        "status": "200",
        "attempts": 2,
        "tokens": 2,
    }


def test_line_of_a_refused_job(service: Service, lines: Any) -> None:
    service.post({"source": 1, "destination": 1, "data": {"text": ""}})
    service.post([])

    assert [(line["status"], line["attempts"], line["error"]) for line in lines()] == [
        ("400", 0, "InvalidRequestError"),
        ("400", 0, "InvalidRequestError"),
    ]


@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour(),
        Behaviour(status=422, body={"error": f"no: {SECRET}", "error_type": "validation"}),
        Behaviour(status=200, body=SECRET),
        Behaviour(status=500, body=SECRET),
    ],
)
@pytest.mark.parametrize("destination", [1, 2])
def test_prompts_are_never_logged(
    service: Service,
    tgi: MockTGI,
    caplog: pytest.LogCaptureFixture,
    behaviour: Behaviour,
    destination: int,
) -> None:
    caplog.set_level(logging.DEBUG)
    tgi.always(behaviour)

    service.ask({"text": SECRET}, destination=destination)
    service.ask({"text": SECRET, "parameters": {SECRET: 1}}, destination=destination)

    ours = [r for r in caplog.records if r.name.startswith(("tgi_service", "gunicorn"))]
    assert ours
    assert SECRET not in "".join(str(vars(record)) for record in ours)


def test_prompts_are_logged_if_told_to(
    start: StartService, tgi: MockTGI, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    service = start(LOG_PROMPTS="true")

    service.ask({"text": SECRET})
    service.ask({"messages": [{"role": "user", "content": SECRET}]})

    prompts = [r for r in caplog.records if r.getMessage() == "prompt"]
    assert len(prompts) == 2
    for record in prompts:
        assert SECRET in str(vars(record)["service_fields"]["prompt"])


@pytest.mark.parametrize("given", ["", "x" * 65, "a\tb"])
def test_id_is_taken_with_care(service: Service, lines: Any, given: str) -> None:
    service.post(
        {"source": 1, "destination": 1, "data": {"text": "q"}}, headers={"X-Request-ID": given}
    )

    (line,) = lines()
    assert line.get("id") == {"": None, "x" * 65: "x" * 64, "a\tb": None}[given]


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def restored_root() -> Iterator[None]:
    """Puts the root logger back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    httpx_level = logging.getLogger("httpx").level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("httpx").setLevel(httpx_level)


@pytest.mark.usefixtures("restored_root")
def test_json_where_no_terminal_is() -> None:
    output = io.StringIO()
    logs.configure(output)

    logging.getLogger("x").info("event", extra=logs.fields(a=1, b=None, c="ü x", d=["y"]))

    line = json.loads(output.getvalue())
    assert line.pop("time").endswith("Z")
    assert line.pop("pid") > 0
    assert line == {
        "level": "info",
        "event": "event",
        "logger": "x",
        "a": 1,
        "c": "ü x",
        "d": ["y"],
    }


@pytest.mark.usefixtures("restored_root")
def test_pairs_on_a_terminal() -> None:
    output = _Terminal()
    logs.configure(output)

    logging.getLogger("x").warning("event", extra=logs.fields(a=1, b="two words", c=""))

    line = output.getvalue()
    assert " warning  event " in line
    assert line.endswith(' a=1 b="two words" c=""\n')


@pytest.mark.usefixtures("restored_root")
@pytest.mark.parametrize("output", [io.StringIO(), _Terminal()])
def test_exceptions_are_shown(output: io.StringIO) -> None:
    logs.configure(output)

    try:
        raise RuntimeError("reason")
    except RuntimeError:
        logging.getLogger("x").exception("event")

    assert "RuntimeError: reason" in output.getvalue()


@pytest.mark.usefixtures("restored_root")
def test_requests_to_tgi_are_not_logged_by_the_http_library() -> None:
    output = io.StringIO()
    logs.configure(output)

    logging.getLogger("httpx").info("HTTP Request: POST http://tgi")

    assert output.getvalue() == ""
