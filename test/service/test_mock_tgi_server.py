"""The mock server around generation: slots, key, information, scripts, records."""

import json
import re
import socket
import subprocess
import sys
import threading
from typing import Any

import httpx
import pytest

from test.service.mock_calls import PROMPT, events, generate
from test.support.mock_tgi import Behaviour, MockTGI, overloaded
from test.support.waiting import SECONDS


@pytest.mark.parametrize("path", ["/", "/generate", "/generate_stream", "/v1/chat/completions"])
def test_no_slot_is_a_refusal_at_once(path: str) -> None:
    with (
        MockTGI(max_concurrent_requests=1) as tgi,
        httpx.Client(base_url=tgi.url, timeout=SECONDS) as http,
    ):
        tgi.script(Behaviour(hold=True))
        occupying = threading.Thread(target=generate, args=(http,))
        occupying.start()
        tgi.wait_for(lambda tgi: len(tgi.generations) == 1)
        body = {"inputs": PROMPT, "messages": [{"role": "user", "content": PROMPT}]}

        refused = http.post(path, json=body)

        tgi.release()
        occupying.join(SECONDS)
        assert http.post(path, json=body).status_code == 200

    if path == "/generate_stream":
        assert events(refused) == [{"error": "Model is overloaded", "error_type": "overloaded"}]
    else:
        assert refused.status_code == 429
        assert refused.json() == {"error": "Model is overloaded", "error_type": "overloaded"}


def test_limit_is_128_by_default(http: httpx.Client) -> None:
    assert http.get("/info").json()["max_concurrent_requests"] == 128


@pytest.mark.parametrize("given", [None, "Bearer wrong", "right"])
def test_key_is_needed_for_generating(given: str | None) -> None:
    headers = {} if given is None else {"Authorization": given}
    with MockTGI(api_key="right") as tgi, httpx.Client(base_url=tgi.url) as http:
        for path in ("/", "/generate", "/generate_stream", "/v1/chat/completions", "/tokenize"):
            refused = http.post(path, json={"inputs": PROMPT}, headers=headers)
            assert (refused.status_code, refused.content) == (401, b"")
        for path in ("/", "/health", "/ping", "/info", "/v1/models", "/metrics"):
            assert http.get(path).status_code == 200
        accepted = {"Authorization": "bearer RIGHT"}
        assert http.post("/generate", json={"inputs": "a"}, headers=accepted).status_code == 200


def test_unknown_path_and_wrong_method(http: httpx.Client) -> None:
    unknown = http.get("/nope")
    wrong = http.get("/generate")

    assert (unknown.status_code, unknown.content) == (404, b"")
    assert (wrong.status_code, wrong.content) == (405, b"")
    assert "POST" in wrong.headers["Allow"]


@pytest.mark.parametrize("path", ["/", "/health", "/ping"])
def test_health(http: httpx.Client, tgi: MockTGI, path: str) -> None:
    assert (http.get(path).status_code, http.get(path).content) == (200, b"")

    tgi.set_healthy(False)
    assert http.get(path).status_code == 503
    assert http.get(path).json() == {"error": "unhealthy", "error_type": "healthcheck"}


FAILED_GENERATION = [
    Behaviour(status=424, body={"error": "x", "error_type": "generation"}),
    Behaviour(after=1, then="error"),
]


@pytest.mark.parametrize("failed", FAILED_GENERATION)
@pytest.mark.parametrize("path", ["/generate_stream", "/v1/chat/completions"])
def test_failed_generation_is_unhealthy_until_one_succeeds(
    http: httpx.Client, tgi: MockTGI, failed: Behaviour, path: str
) -> None:
    tgi.always(failed)
    chat = [{"role": "user", "content": PROMPT}]
    http.post(path, json={"inputs": PROMPT, "messages": chat, "stream": True})
    assert [http.get("/health").status_code for _ in range(2)] == [503, 503]

    tgi.always(Behaviour())
    assert [http.get("/health").status_code for _ in range(2)] == [200, 200]


@pytest.mark.parametrize(
    "harmless", [overloaded(), Behaviour(status=422, body={"error_type": "validation"})]
)
def test_refusals_are_healthy(http: httpx.Client, tgi: MockTGI, harmless: Behaviour) -> None:
    tgi.always(harmless)
    http.post("/generate", json={"inputs": PROMPT})

    assert http.get("/health").status_code == 200


def test_connection_is_kept_for_the_next_request(http: httpx.Client, tgi: MockTGI) -> None:
    for path in ("/generate", "/generate_stream", "/nowhere", "/generate"):
        response = http.post(path, json={"inputs": PROMPT})
        assert "close" not in response.headers.get("connection", "")

    assert len({recorded.caller_port for recorded in tgi.requests}) == 1


def test_refused_body_is_heard_out() -> None:
    """Closed with bytes unread, the connection would be reset under the answer."""
    with MockTGI(payload_limit=10) as tgi, httpx.Client(base_url=tgi.url) as http:
        for _ in range(3):
            assert http.post("/generate", content=b" " * 2_000_000).status_code == 413


def test_stopped_server_closes_connections() -> None:
    with MockTGI() as tgi:
        host, port = tgi.url.removeprefix("http://").split(":")
        caller = socket.create_connection((host, int(port)), timeout=SECONDS)
        caller.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert caller.recv(4096).startswith(b"HTTP/1.1 200")

    with caller:
        while caller.recv(4096):
            pass
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{tgi.url}/health")


def test_information(http: httpx.Client) -> None:
    info = http.get("/info").json()
    assert info["model_id"] == "mock/parrot-7b"
    assert (info["max_input_tokens"], info["max_total_tokens"]) == (4095, 4096)
    (model,) = http.get("/v1/models").json()["data"]
    assert model["id"] == "mock/parrot-7b"


def test_tokens_have_byte_offsets(http: httpx.Client) -> None:
    tokens = http.post("/tokenize", json={"inputs": "a é 米"}).json()

    encoded = "a é 米".encode()
    assert b"".join(encoded[token["start"] : token["stop"]] for token in tokens) == encoded
    assert "".join(token["text"] for token in tokens) == "a é 米"
    truncated = {"inputs": "a b c", "parameters": {"truncate": 1}}
    assert [t["text"] for t in http.post("/tokenize", json=truncated).json()] == [" c"]


def test_metrics() -> None:
    with MockTGI() as tgi, httpx.Client(base_url=tgi.url) as http:
        generate(http)
        refused = {"inputs": PROMPT, "parameters": {"temperature": 0}}
        assert http.post("/generate", json=refused).status_code == 422
        lines = http.get("/metrics").text.splitlines()

    assert "tgi_request_count 2" in lines
    assert "tgi_request_success 1" in lines
    assert 'tgi_request_failure{err="validation"} 1' in lines


def test_script_is_followed_call_by_call(http: httpx.Client, tgi: MockTGI) -> None:
    tgi.script(
        overloaded(),
        Behaviour(status=503, body="<html>", headers={"X-Cause": "proxy"}),
        Behaviour(text="yes"),
    )

    first, second, third, fourth = (http.post("/generate", json={"inputs": "a"}) for _ in range(4))

    assert (first.status_code, first.json()["error_type"]) == (429, "overloaded")
    assert (second.status_code, second.text) == (503, "<html>")
    assert (second.headers["Content-Type"], second.headers["X-Cause"]) == (
        "text/html; charset=utf-8",
        "proxy",
    )
    assert third.json() == {"generated_text": "yes"}
    assert fourth.status_code == 200


@pytest.mark.parametrize("then", ["end", "reset", "error"])
def test_streams_can_be_cut(http: httpx.Client, tgi: MockTGI, then: Any) -> None:
    tgi.script(Behaviour(token_texts=("a", "b"), after=1, then=then))
    lines = []
    broken = False

    with http.stream("POST", "/generate_stream", json={"inputs": "a"}) as response:
        try:
            lines = [line for line in response.iter_lines() if line]
        except httpx.RemoteProtocolError:
            broken = True

    assert broken == (then == "reset")
    if then == "error":
        assert json.loads(lines[-1].removeprefix("data: "))["error_type"] == "generation"
    elif then == "end":
        assert len(lines) == 1


def test_delays(http: httpx.Client, tgi: MockTGI) -> None:
    tgi.script(Behaviour(delay=0.1), Behaviour(token_texts=("a", "b"), token_delay=0.05))

    for _ in range(2):
        assert http.post("/generate", json={"inputs": "a"}).elapsed.total_seconds() >= 0.1


def test_requests_are_recorded(http: httpx.Client, tgi: MockTGI) -> None:
    http.post("/generate?x=1", json={"inputs": "a"}, headers={"X-Thing": "1"})
    http.get("/info")

    posted, got = tgi.requests
    assert (posted.method, posted.path, posted.json) == ("POST", "/generate", {"inputs": "a"})
    assert posted.headers["x-thing"] == "1"
    assert json.loads(posted.body) == posted.json
    assert (got.method, got.path) == ("GET", "/info")
    assert tgi.generations == [posted]


@pytest.mark.parametrize(
    ("path", "behaviour"),
    [
        ("/generate", Behaviour(hold=True)),
        ("/generate", Behaviour(delay=30)),
        ("/generate_stream", Behaviour(hold=True)),
        ("/generate_stream", Behaviour(token_texts=("a", "b"), token_delay=30)),
    ],
)
def test_departure_of_the_caller_is_noticed(tgi: MockTGI, path: str, behaviour: Behaviour) -> None:
    tgi.script(behaviour)
    host, port = tgi.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=SECONDS) as caller:
        caller.sendall(
            f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            'Content-Length: 15\r\n\r\n{"inputs": "a"}'.encode()
        )
        tgi.wait_for(lambda tgi: len(tgi.generations) == 1)

    tgi.wait_for(lambda tgi: tgi.generations[0].disconnected)


def test_control_from_another_process(http: httpx.Client) -> None:
    answer = http.post(
        "/_mock/script",
        json={
            "behaviours": [{"status": 429, "body": {"error": "x"}}, {"token_texts": ["a", "<s>"]}],
            "always": {"text": "always"},
            "healthy": False,
        },
    )
    assert answer.json() == {"queued": 2}

    texts = [http.post("/generate", json={"inputs": "a"}) for _ in range(4)]

    assert [response.status_code for response in texts] == [429, 200, 200, 200]
    assert [response.json()["generated_text"] for response in texts[1:]] == ["a"] + ["always"] * 2
    assert http.get("/health").status_code == 503
    recorded = http.get("/_mock/requests").json()
    assert [entry["path"] for entry in recorded] == ["/generate"] * 4 + ["/health"]
    assert recorded[0]["json"] == {"inputs": "a"}
    http.post("/_mock/release")
    http.post("/_mock/reset")
    assert http.get("/_mock/requests").json() == []
    assert http.get("/health").status_code == 200


def test_control_refuses_what_it_does_not_know(http: httpx.Client) -> None:
    answer = http.post("/_mock/script", json={"behaviours": [{"colour": "red"}]})

    assert answer.status_code == 400
    assert "colour" in answer.json()["error"]


def test_waiting_in_vain(tgi: MockTGI) -> None:
    with pytest.raises(TimeoutError, match=r"within 0\.01 s"):
        tgi.wait_for(lambda tgi: False, timeout=0.01)


def test_as_a_process() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "test.support.mock_tgi", "--port=0", "--model-id=a/b", "--seed=4"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        match = re.search(r"http://\S+", process.stdout.readline())
        assert match is not None
        assert httpx.get(f"{match[0]}/info").json()["model_id"] == "a/b"
    finally:
        process.terminate()
        process.communicate(timeout=SECONDS)
    assert process.returncode == 0
