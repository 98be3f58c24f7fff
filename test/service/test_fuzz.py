"""Whatever is posted, the answer is one of the interface, and never an internal error."""

import json
from typing import Any

from eth_abi.abi import encode
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from test.service.serving import Service
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
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def _encodable(text: str) -> str:
    return text.encode(errors="replace").decode()


def check(service: Service, content: bytes) -> None:
    response = service.http.post(
        "/service_output", content=content, headers={"Content-Type": "application/json"}
    )
    if response.status_code == 200:
        return
    assert 400 <= response.status_code < 500, (response.status_code, response.text)
    assert response.headers["Content-Type"] == "application/json"
    answer: dict[str, str] = response.json()
    assert answer.keys() == {"code", "name", "description"}
    assert answer["code"] == str(response.status_code)
    assert all(isinstance(value, str) and value for value in answer.values())


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


@SHARED_SERVICE
@given(content=st.binary())
def test_any_bytes(service: Service, content: bytes) -> None:
    check(service, content)


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
