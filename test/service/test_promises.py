"""Promises of the user's guide that no other test states as such; see docs/checklist.md."""

import threading

import httpx
import pytest

from test.service.serving import QUESTION, FakeClock, Service, StartService, environment, serve
from test.service.test_service_output import QUESTION_HEX
from test.support.mock_tgi import Behaviour, MockTGI, overloaded


@pytest.mark.parametrize(
    ("model_id", "pipeline_tag"),
    [
        ("meta-llama/Llama-3.1-8B-Instruct", "text-generation"),
        ("tiiuae/falcon-7b", "text-generation"),
        ("bigcode/starcoder", "text-generation"),
        ("bigscience/bloom", "text-generation"),
        ("EleutherAI/gpt-neox-20b", None),
        ("google/flan-t5-xxl", "text2text-generation"),
    ],
)
def test_model_does_not_matter(model_id: str, pipeline_tag: str | None) -> None:
    """Servers differ in what they do with the prompt, and in nothing else."""
    with (
        MockTGI(model_id=model_id, pipeline_tag=pipeline_tag) as tgi,
        serve(environment(tgi)) as service,
    ):
        tgi.always(Behaviour(text="yes"))

        assert service.ask().json() == {"output": "yes"}
        assert service.ask(destination=2).text == "yes"


@pytest.mark.parametrize(
    ("variable", "value", "waits"),
    [
        ("TRIES", "1", []),
        ("TRIES", "2", [3.0]),
        ("DELAY", "1", [1.0, (2.5, 3.5)]),
        ("MAX_DELAY", "4", [3.0, 4.0]),
        ("BACKOFF", "1", [3.0, (3.5, 4.5)]),
        ("JITTER", "[0,0]", [3.0, 6.0]),
        ("JITTER", "0.25", [3.0, 6.25]),
    ],
)
def test_variables_set_the_waits(
    tgi: MockTGI,
    clock: FakeClock,
    variable: str,
    value: str,
    waits: list[float | tuple[float, float]],
) -> None:
    """One variable alone, while the keyword arguments are unset."""
    variables = environment(tgi) | {f"TGI_REQUEST_{variable}": value}
    del variables["TGI_INF_WORKFLOW_KW_ARGS"]
    with serve(variables, clock=clock) as service:
        tgi.reset()
        tgi.always(overloaded())

        assert service.ask().status_code == 429

    assert len(tgi.generations) == len(waits) + 1
    for waited, expected in zip(clock.waits, waits, strict=True):
        low, high = expected if isinstance(expected, tuple) else (expected, expected)
        assert low <= waited <= high


def test_documented_defaults_change_nothing(
    start: StartService, tgi: MockTGI, clock: FakeClock
) -> None:
    documented = '{"retry_params": {"tries": 3, "delay": 3, "backoff": 2}}'
    bodies = []
    for value in (documented, ""):
        service = start(clock=clock, WORKFLOW_KW_ARGS=value)
        tgi.always(overloaded())
        service.ask()
        bodies.append([recorded.json for recorded in tgi.generations])
        tgi.reset()

    assert bodies[0] == bodies[1]
    assert len(bodies[0]) == 3
    assert clock.waits[0] == clock.waits[2] == 3


def test_retry_params_are_not_sent(start: StartService, tgi: MockTGI) -> None:
    sent = []
    for value in ({}, {"retry_params": {"tries": 2, "delay": 0}}):
        start(WORKFLOW_KW_ARGS=value).ask()
        sent.append(tgi.generations[-1].json["parameters"])

    assert sent[0] == sent[1]
    assert sent[0].keys() == {
        "details",
        "do_sample",
        "max_new_tokens",
        "return_full_text",
        "stop",
        "watermark",
    }


def test_on_chain_and_off_chain_at_once(service: Service, tgi: MockTGI) -> None:
    tgi.always(Behaviour(hold=True, text="yes"))
    answers: dict[int, httpx.Response] = {}

    def ask(source: int, data: object) -> None:
        answers[source] = service.ask(data, source=source, destination=source)

    threads = [
        threading.Thread(target=ask, args=(0, QUESTION_HEX)),
        threading.Thread(target=ask, args=(1, {"text": QUESTION})),
    ]
    for thread in threads:
        thread.start()
    tgi.wait_for(lambda tgi: len(tgi.generations) == 2)
    tgi.release()
    for thread in threads:
        thread.join()

    assert answers[0].json()["raw_input"] == QUESTION_HEX
    assert answers[1].json() == {"output": "yes"}
