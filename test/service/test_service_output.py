"""``POST /service_output``: sources, destinations and the bytes they exchange."""

import json
from typing import Any

import pytest
from eth_abi.abi import decode, encode

from test.service.serving import QUESTION, Service, StartService
from test.support.mock_tgi import Behaviour, MockTGI

QUESTION_HEX = (
    "0000000000000000000000000000000000000000000000000000000000000020"
    "0000000000000000000000000000000000000000000000000000000000000020"
    "43616e20736872696d702061637475616c6c792066727920726963652066723f"
)
YES_HEX = (
    "0000000000000000000000000000000000000000000000000000000000000020"
    "0000000000000000000000000000000000000000000000000000000000000003"
    "7965730000000000000000000000000000000000000000000000000000000000"
)


def onchain_answer(raw_input: str) -> dict[str, str]:
    return {
        "raw_input": raw_input,
        "processed_input": "",
        "raw_output": YES_HEX,
        "processed_output": "",
        "proof": "",
    }


@pytest.mark.parametrize(
    ("source", "destination", "expected"),
    [
        (1, 1, {"output": "yes"}),
        (0, 1, {"output": "yes"}),
        (1, 0, onchain_answer("")),
        (0, 0, onchain_answer(QUESTION_HEX)),
        (1, 2, "yes"),
        (0, 2, "yes"),
    ],
)
def test_answer_has_the_shape_of_its_destination(
    service: Service, tgi: MockTGI, source: int, destination: int, expected: Any
) -> None:
    tgi.script(Behaviour(text="yes"))
    data = QUESTION_HEX if source == 0 else {"text": QUESTION}

    response = service.ask(data, source=source, destination=destination)

    assert response.status_code == 200
    assert (response.text if destination == 2 else response.json()) == expected
    assert [recorded.json["inputs"] for recorded in tgi.generations] == [QUESTION]


@pytest.mark.parametrize("source", [2, "2"])
@pytest.mark.parametrize("destination", [0, 1, 2])
def test_stream_is_no_source(service: Service, tgi: MockTGI, source: Any, destination: int) -> None:
    response = service.post(
        {"source": source, "destination": destination, "data": {"text": QUESTION}}
    )

    assert response.status_code == 400
    assert response.json() == {
        "code": "400",
        "name": "Bad Request",
        "description": "Invalid InfernetInput source: 2",
    }
    assert tgi.generations == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"source": 1, "data": {"text": "q"}}, {"output": "yes"}),
        ({"source": 0, "data": QUESTION_HEX}, onchain_answer(QUESTION_HEX)),
    ],
)
def test_without_destination_the_answer_goes_back_to_the_source(
    service: Service, tgi: MockTGI, body: Any, expected: Any
) -> None:
    tgi.script(Behaviour(text="yes"))

    assert service.post(body).json() == expected


def test_locations_may_be_strings(service: Service, tgi: MockTGI) -> None:
    tgi.script(Behaviour(text="yes"))

    response = service.post({"source": "1", "destination": "0", "data": {"text": QUESTION}})

    assert response.json() == onchain_answer("")


@pytest.mark.parametrize(
    "sent", [QUESTION_HEX, f"0x{QUESTION_HEX}", f"  {QUESTION_HEX}\n", QUESTION_HEX.upper()]
)
def test_hex_comes_back_without_white_space_and_prefix(
    service: Service, tgi: MockTGI, sent: str
) -> None:
    tgi.script(Behaviour(text="yes"))

    answer = service.ask(sent, source=0, destination=0).json()

    assert answer["raw_input"].lower() == QUESTION_HEX


@pytest.mark.parametrize("text", ["", "a" * 31, "a" * 32, "a" * 33, "Käse 🍤 米飯", "\x00"])
def test_any_text_arrives_on_chain_as_it_was_generated(
    service: Service, tgi: MockTGI, text: str
) -> None:
    tgi.script(Behaviour(text=text))

    answer = service.ask(destination=0).json()

    assert decode(["string"], bytes.fromhex(answer["raw_output"])) == (text,)
    assert bytes.fromhex(answer["raw_output"]) == encode(["string"], [text])


def test_unknown_keys_are_ignored(service: Service, tgi: MockTGI) -> None:
    tgi.script(Behaviour(text="yes"))

    response = service.post(
        {"source": 1, "destination": 1, "data": {"text": "q", "temperature": 9}, "extra": [1]}
    )

    assert response.json() == {"output": "yes"}
    assert "temperature" not in tgi.generations[0].json["parameters"]


@pytest.mark.parametrize("wanted", [True, "true", "True", "yes", "1", 1])
@pytest.mark.parametrize(("source", "data"), [(1, {"text": "q"}), (1, {}), (0, QUESTION_HEX)])
@pytest.mark.parametrize("destination", [0, 1, 2])
def test_proofs_are_refused_before_the_question_is_looked_at(
    service: Service, tgi: MockTGI, wanted: Any, source: int, data: Any, destination: int
) -> None:
    response = service.post(
        {"source": source, "destination": destination, "data": data, "requires_proof": wanted}
    )

    assert response.status_code == 400
    assert response.json()["description"] == (
        "Proofs are not supported for TGI Client Inference Service"
    )
    assert tgi.generations == []


@pytest.mark.parametrize("unwanted", [False, None, "false", "no", 0])
def test_no_proof_wanted_is_no_reason_to_refuse(
    service: Service, tgi: MockTGI, unwanted: Any
) -> None:
    tgi.script(Behaviour(text="yes"))

    response = service.post(
        {"source": 1, "destination": 1, "data": {"text": "q"}, "requires_proof": unwanted}
    )

    assert response.json() == {"output": "yes"}


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"", "application/json"),
        (b"  ", "application/json"),
        (b"{}", "application/json"),
        (b"null", "application/json"),
        (b'{"source": 1}', "text/plain"),
        (b'{"source": 1}', None),
        (b"source=1", "application/x-www-form-urlencoded"),
    ],
)
def test_what_is_no_json_job_gets_the_original_refusal(
    service: Service, content: bytes, content_type: str | None
) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}

    response = service.http.post("/service_output", content=content, headers=headers)

    assert response.status_code == 400
    assert response.json()["description"] == (
        "Invalid method or data: Only POST supported with json data"
    )


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        pytest.param(b"[" * 100_000, id="deep"),
        b"\xff\xfe",
        b'{"source": NaN}',
        b'{"source": 1e999}',
        b'{"data": "\\ud800"}',
        pytest.param(b"1" * 5000, id="long number"),
    ],
)
def test_broken_json_is_refused(service: Service, content: bytes) -> None:
    response = service.http.post(
        "/service_output", content=content, headers={"Content-Type": "application/json"}
    )

    assert response.status_code == 400
    assert response.json().keys() == {"code", "name", "description"}


OFFCHAIN = {"source": 1, "destination": 1}
ONCHAIN = {"source": 0, "destination": 0}


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ([], "object"),
        ([OFFCHAIN], "object"),
        ("text", "object"),
        (7, "object"),
        ({"destination": 1, "data": {"text": "q"}}, "source"),
        ({"source": 3, "data": {"text": "q"}}, "source"),
        ({"source": -1, "data": {"text": "q"}}, "source"),
        ({"source": True, "data": {"text": "q"}}, "source"),
        ({"source": 1.0, "data": {"text": "q"}}, "source"),
        ({"source": None, "data": {"text": "q"}}, "source"),
        ({"source": [1], "data": {"text": "q"}}, "source"),
        ({"source": "offchain", "data": {"text": "q"}}, "source"),
        ({"source": 1, "destination": 3, "data": {"text": "q"}}, "destination"),
        ({"source": 1, "destination": None, "data": {"text": "q"}}, "destination"),
        (OFFCHAIN, "data"),
        (OFFCHAIN | {"data": None}, "data"),
        (OFFCHAIN | {"data": "text"}, "data"),
        (OFFCHAIN | {"data": QUESTION_HEX}, "data"),
        (OFFCHAIN | {"data": ["q"]}, "data"),
        (OFFCHAIN | {"data": {}}, "data.text"),
        (OFFCHAIN | {"data": {"text": ""}}, "data.text"),
        (OFFCHAIN | {"data": {"text": None}}, "data.text"),
        (OFFCHAIN | {"data": {"text": 5}}, "data.text"),
        (OFFCHAIN | {"data": {"text": ["q"]}}, "data.text"),
        (OFFCHAIN | {"data": {"text": "q"}, "requires_proof": "perhaps"}, "requires_proof"),
        (OFFCHAIN | {"data": {"text": "q"}, "requires_proof": 2}, "requires_proof"),
        (OFFCHAIN | {"data": {"text": "q"}, "requires_proof": []}, "requires_proof"),
        (ONCHAIN | {"data": {"text": "q"}}, "data"),
        (ONCHAIN | {"data": None}, "data"),
        (ONCHAIN | {"data": ""}, "hex"),
        (ONCHAIN | {"data": "0x"}, "hex"),
        (ONCHAIN | {"data": "abc"}, "hex"),
        (ONCHAIN | {"data": "zz"}, "hex"),
        (ONCHAIN | {"data": "00"}, "abi.encode(string)"),
        (ONCHAIN | {"data": b"plain text".hex()}, "abi.encode(string)"),
        (ONCHAIN | {"data": QUESTION_HEX[:-2]}, "abi.encode(string)"),
        (ONCHAIN | {"data": QUESTION_HEX + "00"}, "abi.encode(string)"),
        (ONCHAIN | {"data": encode(["uint256"], [7]).hex()}, "abi.encode(string)"),
        (ONCHAIN | {"data": encode(["bytes"], [b"\xff"]).hex()}, "abi.encode(string)"),
        (ONCHAIN | {"data": encode(["uint256"] * 2, [32, 2**255]).hex()}, "abi.encode(string)"),
        (ONCHAIN | {"data": encode(["string"], [""]).hex()}, "text"),
    ],
)
def test_refusal_names_the_field(service: Service, tgi: MockTGI, body: Any, named: str) -> None:
    response = service.post(body)

    assert response.status_code == 400, response.text
    assert response.headers["Content-Type"] == "application/json"
    assert response.json().keys() == {"code", "name", "description"}
    assert response.json()["code"] == "400"
    assert named in response.json()["description"]
    assert tgi.generations == []


def test_body_above_the_limit_is_refused(start: StartService, tgi: MockTGI) -> None:
    service = start(MAX_CONTENT_LENGTH=200)
    body = {"source": 1, "destination": 1, "data": {"text": "x" * 200}}

    response = service.post(body)

    assert response.status_code == 413
    assert response.json()["code"] == "413"
    assert tgi.generations == []


def test_body_of_unknown_length_is_limited_too(start: StartService, tgi: MockTGI) -> None:
    service = start(MAX_CONTENT_LENGTH=200)
    content = json.dumps({"source": 1, "data": {"text": "x" * 200}}).encode()

    response = service.http.post(
        "/service_output",
        content=iter([content[:50], content[50:]]),
        headers={"Content-Type": "application/json"},
    )

    assert response.status_code == 413


def test_default_limit_is_16_mib(service: Service) -> None:
    response = service.http.post(
        "/service_output",
        content=b" " * (16 * 2**20 + 1),
        headers={"Content-Type": "application/json"},
    )

    assert response.status_code == 413


@pytest.mark.parametrize("path", ["/nope", "/service_output/"])
def test_unknown_path(service: Service, path: str) -> None:
    response = service.http.get(path)

    assert response.status_code == 404
    assert response.json()["code"] == "404"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_wrong_method(service: Service, method: str) -> None:
    response = service.http.request(method, "/service_output")

    assert response.status_code == 405
    assert "POST" in response.headers["Allow"]
    assert response.json()["code"] == "405"
