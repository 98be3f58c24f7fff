"""Whatever is posted, the answer is one of the interface, and never an internal error."""

import json
from typing import Any

import httpx
import pytest
from eth_abi.abi import encode
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from test.service.serving import Service
from test.support.mock_tgi import Behaviour, MockTGI
from tgi_service import config
from tgi_service.errors import ConfigurationError

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
HEX = st.binary(max_size=200).map(bytes.hex)
ABI = st.text(min_size=1).map(lambda text: encode(["string"], [_encodable(text)]).hex())
ABI_WITH_OPTIONS = st.tuples(st.text(), JSON).map(
    lambda pair: encode(["string", "string"], [_encodable(pair[0]), json.dumps(pair[1])]).hex()
)
NAMES = st.sampled_from(["temperature", "top_p", "stop", "seed", "grammar", "max_new_tokens", "x"])
DATA = (
    JSON
    | HEX
    | ABI
    | ABI_WITH_OPTIONS
    | st.fixed_dictionaries(
        {},
        optional={
            "text": st.text() | JSON,
            "prompt": JSON,
            "messages": JSON
            | st.lists(st.fixed_dictionaries({"role": st.text(), "content": st.text() | JSON})),
            "parameters": JSON | st.dictionaries(NAMES, SCALARS | JSON),
            "details": SCALARS,
        },
    )
)
LOCATIONS = st.sampled_from([0, 1, 2, "0", "1", "2"]) | SCALARS
JOBS = st.fixed_dictionaries(
    {},
    optional={
        "source": LOCATIONS,
        "destination": LOCATIONS,
        "data": DATA,
        "requires_proof": SCALARS,
    },
)
LIKELY_JOBS = st.fixed_dictionaries(
    {"source": st.sampled_from([0, 1]), "destination": st.sampled_from([0, 1, 2]), "data": DATA}
)
SHARED_SERVICE = settings(
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def _encodable(text: str) -> str:
    return text.encode(errors="replace").decode()


def check(service: Service, content: bytes, headers: dict[str, str] | None = None) -> int:
    encoded = {
        name.encode(): value.encode("latin-1")
        for name, value in (headers or {"Content-Type": "application/json"}).items()
    }
    response = service.http.post("/service_output", content=content, headers=encoded)
    if response.status_code == 200:
        return 200
    assert 400 <= response.status_code < 500, (response.status_code, response.text)
    assert response.headers["Content-Type"] == "application/json"
    answer: dict[str, str] = response.json()
    assert answer.keys() == {"code", "name", "description"}
    assert answer["code"] == str(response.status_code)
    assert all(isinstance(value, str) and value for value in answer.values())
    return response.status_code


@SHARED_SERVICE
@given(body=JSON | JOBS)
@example(body={"source": 1, "data": {"text": "\ud800"}})
@example(body={"source": 0, "data": encode(["uint256"] * 2, [0x20, 2**256 - 1]).hex()})
def test_any_json(service: Service, body: Any) -> None:
    check(service, json.dumps(body).encode())


@SHARED_SERVICE
@given(body=LIKELY_JOBS)
def test_jobs_with_a_valid_envelope(service: Service, body: Any) -> None:
    check(service, json.dumps(body).encode())


@pytest.mark.parametrize("source", [0, 1])
@pytest.mark.parametrize("destination", [0, 1, 2])
@pytest.mark.parametrize(
    "value",
    [
        "[" * 100_000,
        '{"text":' * 100_000,
        '{"text":"hi","parameters":' + "[" * 500 + "]" * 500 + "}",
        '{"text":"hi","parameters":{"seed":%s}}' % ("9" * 5000),
        '{"text":"hi","parameters":{"seed":%s}}' % ("9" * 4000),
        '{"text":"hi","parameters":{"temperature":1e999}}',
        '{"text":"hi","parameters":{"temperature":NaN}}',
        '{"text":"hi","parameters":{"temperature":-Infinity}}',
        r'{"text":"\udc00"}',
        r'{"text":"\ud83c"}',
        r'{"messages":[{"role":"\ud83c","content":"hi"}]}',
        r'{"text":"hi","parameters":{"stop":["\udfff"]}}',
        '{"text":"a","text":5}',
        r'"\u0000"',
        '"0x"',
        '"%s"' % ("0" * 63),
        "9" * 4000,
    ],
)
def test_values_at_the_edge_of_json(
    service: Service, source: int, destination: int, value: str
) -> None:
    body = f'{{"source":{source},"destination":{destination},"data":{value}}}'

    assert check(service, body.encode()) == 400


@SHARED_SERVICE
@given(
    name=st.sampled_from(["X-Request-ID", "Accept", "Cookie", "Authorization", "X-Forwarded-For"]),
    value=st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f")),
    content_type=st.sampled_from(
        ["application/json", "application/json; charset=latin-1", "application/x+json", "JSON", ""]
    )
    | st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E)),
)
def test_any_header_and_content_type(
    service: Service, name: str, value: str, content_type: str
) -> None:
    body = json.dumps({"source": 1, "destination": 1, "data": {"text": "hi"}}).encode()

    check(service, body, {"Content-Type": content_type.strip(), name: value.strip()})


@SHARED_SERVICE
@given(content=st.binary())
def test_any_bytes(service: Service, content: bytes) -> None:
    check(service, content)


ANSWERS = (
    JSON
    | st.fixed_dictionaries(
        {},
        optional={
            "generated_text": JSON,
            "details": JSON,
            "error": JSON,
            "error_type": JSON | st.sampled_from(["validation", "overloaded", "generation"]),
        },
    )
).map(json.dumps) | st.text()
EVENTS = st.lists(
    (
        JSON
        | st.fixed_dictionaries(
            {"token": JSON | st.fixed_dictionaries({"text": SCALARS, "special": SCALARS})},
            optional={"generated_text": SCALARS, "details": JSON, "error": SCALARS},
        )
    ).map(lambda content: f"data: {json.dumps(content)}\n\n")
    | st.text(),
    max_size=3,
).map("".join)


@SHARED_SERVICE
@given(
    status=st.sampled_from([200, 200, 301, 400, 401, 403, 404, 422, 424, 429, 500, 503, 504]),
    text=ANSWERS | EVENTS,
    destination=st.sampled_from([0, 1, 2]),
    question=st.sampled_from([{"text": "hi"}, {"messages": [{"role": "user", "content": "hi"}]}]),
)
@example(status=200, text="[" * 100_000, destination=1, question={"text": "hi"})
@example(status=500, text="[" * 100_000, destination=2, question={"text": "hi"})
@example(status=200, text="data: " + "[" * 100_000 + "\n\n", destination=2, question={"text": "x"})
def test_any_answer_of_tgi(
    service: Service, tgi: MockTGI, status: int, text: str, destination: int, question: Any
) -> None:
    """What TGI says is its answer, its error, or no answer of TGI; none of it surprises us."""
    tgi.always(Behaviour(status=status, body=text.encode(errors="replace").decode()))
    try:
        response = service.ask(question, destination=destination)
    except httpx.RemoteProtocolError:
        assert destination == 2  # broken off after its first token
        return

    if response.status_code != 200:
        assert response.json()["code"] == str(response.status_code)
        assert "the service failed" not in response.json()["description"]


ENVIRONMENTS = st.dictionaries(
    st.sampled_from(
        [
            "TGI_INF_WORKFLOW_POSITIONAL_ARGS",
            "TGI_INF_WORKFLOW_KW_ARGS",
            "TGI_INF_WORKFLOW_KW_ARGS__retry_params__tries",
            "TGI_INF_TOKEN",
            "TGI_INF_JOB_DEADLINE",
            "TGI_INF_LOG_PROMPTS",
            "TGI_INF_",
            "TGI_INF___",
            "TGI_REQUEST_TRIES",
            "TGI_REQUEST_JITTER",
            "TGI_REQUEST_MAX_DELAY",
        ]
    ),
    st.text() | JSON.map(json.dumps),
)


@given(variables=ENVIRONMENTS)
def test_any_environment_is_read_or_refused(variables: dict[str, str]) -> None:
    environment = {"TGI_INF_WORKFLOW_POSITIONAL_ARGS": '["http://tgi"]', **variables}
    refusal = None
    try:
        assert config.load(environment).workflow.server_urls
    except ConfigurationError as error:
        refusal = str(error)

    assert refusal is None or refusal.startswith("TGI_")
