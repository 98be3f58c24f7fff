"""The workflow as a library: its steps, its hooks, its errors."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from huggingface_hub import constants
from huggingface_hub.errors import ValidationError

from test.support.mock_tgi import Behaviour, MockTGI, overloaded
from test.support.waiting import SECONDS
from tgi_service import (
    ConfigurationError,
    InfernetMLException,
    ServiceException,
    TGIClientInferenceWorkflow,
    TgiInferenceRequest,
)
from tgi_service.backend import StreamItem

NO_WAIT = {"delay": 0, "jitter": 0}
HELLO = TgiInferenceRequest(text="Can shrimp actually fry rice fr?")


@pytest.fixture
def workflow(tgi: MockTGI) -> TGIClientInferenceWorkflow:
    workflow = TGIClientInferenceWorkflow(tgi.url, 5, retry_params=NO_WAIT)
    workflow.setup()
    tgi.reset()
    return workflow


def test_request_needs_a_text() -> None:
    with pytest.raises(ValueError, match="text"):
        TgiInferenceRequest()  # type: ignore[call-arg]


def test_setup_sends_one_token_s_worth_with_the_configured_parameters(tgi: MockTGI) -> None:
    workflow = TGIClientInferenceWorkflow(tgi.url, temperature=0.5, max_new_tokens=200)

    assert workflow.setup() is True

    (probe,) = tgi.generations
    assert probe.json["inputs"] == "hello"
    assert probe.json["parameters"]["max_new_tokens"] == 1
    assert probe.json["parameters"]["temperature"] == 0.5


def test_setup_is_retried(tgi: MockTGI) -> None:
    tgi.script(overloaded(), Behaviour(drop=True))

    assert TGIClientInferenceWorkflow(tgi.url, retry_params=NO_WAIT).setup()
    assert len(tgi.generations) == 3


def test_setup_fails_at_once_on_a_parameter_that_tgi_refuses(tgi: MockTGI) -> None:
    workflow = TGIClientInferenceWorkflow(tgi.url, retry_params=NO_WAIT, stop=list("abcde"))

    with pytest.raises(InfernetMLException, match="`stop` supports up to 4 stop sequences"):
        workflow.setup()
    assert len(tgi.generations) == 1


@pytest.mark.parametrize("step", ["inference", "stream"])
def test_nothing_works_before_setup(tgi: MockTGI, step: str) -> None:
    workflow = TGIClientInferenceWorkflow(tgi.url)

    with pytest.raises(ValueError, match=f"setup not called before {step}"):
        getattr(workflow, step)(HELLO)
    assert tgi.generations == []


def test_effective_defaults(workflow: TGIClientInferenceWorkflow, tgi: MockTGI) -> None:
    text = workflow.inference(HELLO)

    (recorded,) = tgi.generations
    assert recorded.path == "/"
    assert recorded.json == {
        "inputs": HELLO.text,
        "parameters": {
            "do_sample": False,
            "max_new_tokens": 20,
            "return_full_text": False,
            "watermark": False,
            "stop": [],
            "details": True,
        },
    } | ({"stream": False} if "stream" in recorded.json else {})
    assert not text.startswith(HELLO.text)
    assert text


def test_stream_asks_for_a_stream(workflow: TGIClientInferenceWorkflow, tgi: MockTGI) -> None:
    items = list(workflow.stream(HELLO))

    (recorded,) = tgi.generations
    assert recorded.json["stream"] is True
    *others, last = items
    assert [item.generated_text for item in others] == [None] * len(others)
    assert "".join(item.token.text for item in items if not item.token.special) == (
        last.generated_text
    )
    assert last.details is not None
    assert last.details["finish_reason"] == "length"


def test_configured_parameters_are_sent_and_null_takes_a_default_away(tgi: MockTGI) -> None:
    workflow = TGIClientInferenceWorkflow(
        tgi.url,
        stop_sequences=["."],
        seed=7,
        do_sample=True,
        max_new_tokens=None,
        return_full_text=None,
        grammar=None,
    )
    workflow.setup()
    workflow.inference(HELLO)

    sent = tgi.generations[-1].json["parameters"]
    assert sent == {
        "do_sample": True,
        "return_full_text": False,
        "watermark": False,
        "stop": ["."],
        "details": True,
        "seed": 7,
    }


@pytest.mark.parametrize("details", [True, False])
def test_answers_with_and_without_details_are_read(tgi: MockTGI, details: bool) -> None:
    workflow = TGIClientInferenceWorkflow(tgi.url, details=details)
    workflow.setup()
    tgi.script(Behaviour(text="yes"))

    assert workflow.inference(HELLO) == "yes"


@pytest.mark.parametrize(
    ("path", "plain", "streamed"),
    [
        ("", "/", "/"),
        ("/", "/", "/"),
        ("/generate", "/generate", "/generate_stream"),
    ],
)
def test_url_is_used_as_configured(tgi: MockTGI, path: str, plain: str, streamed: str) -> None:
    workflow = TGIClientInferenceWorkflow(tgi.url + path)
    workflow.setup()
    list(workflow.stream(HELLO))

    assert [recorded.path for recorded in tgi.generations] == [plain, streamed]


@pytest.mark.parametrize(
    "body", [{"generated_text": "yes"}, [{"generated_text": "yes"}], [{"generated_text": "yes"}, 1]]
)
def test_answer_may_be_a_list_or_an_object(
    workflow: TGIClientInferenceWorkflow, tgi: MockTGI, body: Any
) -> None:
    tgi.script(Behaviour(status=200, body=body))

    assert workflow.inference(HELLO) == "yes"


def test_headers_and_cookies_go_with_every_request(tgi: MockTGI) -> None:
    workflow = TGIClientInferenceWorkflow(
        tgi.url,
        headers={"X-Tenant": "a", "Authorization": "Bearer t"},
        cookies={"a": "1", "b": "2"},
    )
    workflow.setup()
    list(workflow.stream(HELLO))

    for recorded in tgi.generations:
        assert recorded.headers["x-tenant"] == "a"
        assert recorded.headers["authorization"] == "Bearer t"
        assert recorded.headers["cookie"] == "a=1; b=2"


def test_cookies_that_tgi_sets_are_not_sent_back(
    workflow: TGIClientInferenceWorkflow, tgi: MockTGI
) -> None:
    tgi.script(
        Behaviour(
            status=200, body={"generated_text": "yes"}, headers={"Set-Cookie": "session=other"}
        )
    )

    workflow.inference(HELLO)
    workflow.inference(HELLO)

    assert [recorded.headers.get("cookie") for recorded in tgi.generations] == [None, None]


@pytest.mark.parametrize("offline", ["0", "1"])
def test_ambient_token_and_offline_mode_of_the_hub_have_no_effect(
    tgi: MockTGI, monkeypatch: pytest.MonkeyPatch, offline: str
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_ambient")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline == "1")
    workflow = TGIClientInferenceWorkflow(tgi.url)
    workflow.setup()
    list(workflow.stream(HELLO))

    assert len(tgi.generations) == 2
    for recorded in tgi.generations:
        assert "authorization" not in recorded.headers
        assert "hf_ambient" not in str(recorded.headers)


def test_failure_is_catchable_under_both_names_and_has_a_cause(
    workflow: TGIClientInferenceWorkflow, tgi: MockTGI
) -> None:
    tgi.script(Behaviour(status=422, body={"error": "no", "error_type": "validation"}))

    with pytest.raises(InfernetMLException) as caught:
        workflow.inference(HELLO)

    assert isinstance(caught.value, ServiceException)
    assert isinstance(caught.value.__cause__, ValidationError)


def test_hooks_change_the_answer(tgi: MockTGI) -> None:
    class Shouting(TGIClientInferenceWorkflow):
        def do_setup(self) -> None:
            """Needs no probe."""

        def do_preprocessing(self, request: TgiInferenceRequest) -> str:
            return f"Q: {request.text}\nA:"

        def do_postprocessing(self, request: TgiInferenceRequest, text: str) -> str:
            return f"{request.text} {text.upper()}"

    workflow = Shouting(tgi.url)
    workflow.setup()
    tgi.script(Behaviour(text="yes"))

    assert workflow.inference(TgiInferenceRequest(text="Rice?")) == "Rice? YES"
    (recorded,) = tgi.generations
    assert recorded.json["inputs"] == "Q: Rice?\nA:"


def test_backend_hook_replaces_tgi(tgi: MockTGI) -> None:
    class Echo(TGIClientInferenceWorkflow):
        def do_setup(self) -> None:
            """Needs no probe."""

        def do_run_model(self, prompt: str) -> str:
            return prompt[::-1]

        def do_stream(self, prompt: str) -> Iterator[StreamItem]:
            return iter(())

    workflow = Echo(tgi.url)
    workflow.setup()

    assert workflow.inference(TgiInferenceRequest(text="abc")) == "cba"
    assert list(workflow.stream(TgiInferenceRequest(text="abc"))) == []
    assert tgi.generations == []


def test_streams_are_not_postprocessed(tgi: MockTGI) -> None:
    class Shouting(TGIClientInferenceWorkflow):
        def do_postprocessing(self, request: TgiInferenceRequest, text: str) -> str:
            return text.upper()

    workflow = Shouting(tgi.url)
    workflow.setup()
    tgi.script(Behaviour(token_texts=("yes",)))

    assert [item.token.text for item in workflow.stream(HELLO)] == ["yes"]


def test_there_are_no_proofs(
    workflow: TGIClientInferenceWorkflow, caplog: pytest.LogCaptureFixture
) -> None:
    workflow.inference(HELLO)
    with pytest.raises(NotImplementedError):
        workflow.generate_proof()
    assert "no_inference_to_prove" not in caplog.text

    with pytest.raises(NotImplementedError):
        workflow.generate_proof()
    assert "no_inference_to_prove" in caplog.text


def test_streams_count_as_no_inference(
    workflow: TGIClientInferenceWorkflow, caplog: pytest.LogCaptureFixture
) -> None:
    list(workflow.stream(HELLO))

    with pytest.raises(NotImplementedError):
        workflow.generate_proof()
    assert "no_inference_to_prove" in caplog.text


def test_subclass_may_prove(tgi: MockTGI) -> None:
    class Proving(TGIClientInferenceWorkflow):
        def do_generate_proof(self) -> str:
            return "proof"

    workflow = Proving(tgi.url)
    workflow.setup()

    assert workflow.generate_proof() == "proof"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"server_url": "tgi"}, "server_url"),
        ({"timeout": 0}, "timeout"),
        ({"headers": {"X": 1}}, "headers"),
        ({"headers": {"X Y": "1"}}, "headers"),
        ({"cookies": {"a": "1; b=2"}}, "cookies"),
        ({"retry_params": {"tries": 0}}, "tries"),
        ({"retry_params": [3]}, "retry_params"),
        ({"temperature": -1}, "temperature"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_wrong_argument_is_named(arguments: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        TGIClientInferenceWorkflow(**{"server_url": "http://tgi", **arguments})


def test_one_object_serves_many_threads(workflow: TGIClientInferenceWorkflow, tgi: MockTGI) -> None:
    """All are in TGI at the same time before the first is answered, and none mixes them up."""
    tgi.always(Behaviour(hold=True))
    answers: dict[int, str] = {}

    def ask(number: int) -> None:
        answers[number] = workflow.inference(TgiInferenceRequest(text=f"What about {number}?"))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(64)]
    for thread in threads:
        thread.start()
    tgi.wait_for(lambda tgi: len(tgi.generations) == 64)
    tgi.release()
    for thread in threads:
        thread.join(SECONDS)

    tgi.always(Behaviour())
    assert answers == {
        number: workflow.inference(TgiInferenceRequest(text=f"What about {number}?"))
        for number in range(64)
    }


def test_abandoned_stream_frees_its_slot(
    workflow: TGIClientInferenceWorkflow, tgi: MockTGI
) -> None:
    tgi.script(Behaviour(token_texts=("one", "two"), after=1, then="hold"))
    items = workflow.stream(HELLO)

    items.close()  # type: ignore[attr-defined]

    tgi.wait_for(lambda tgi: tgi.generations[0].disconnected)


def test_prompt_is_logged_only_if_wanted(
    workflow: TGIClientInferenceWorkflow, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")

    workflow.inference(HELLO, log_preprocessed_data=False)
    assert HELLO.text not in "".join(str(vars(record)) for record in caplog.records)

    workflow.inference(HELLO)
    assert HELLO.text in "".join(str(vars(record)) for record in caplog.records)
