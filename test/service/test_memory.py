"""A server or a caller that sends without end: what is kept of it has a limit."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import repeat
from typing import Any

import httpx
import pytest

from test.service.serving import QUESTION, Service, StartService, Unprobed
from test.support.mock_tgi import Behaviour, MockTGI
from tgi_service import ConfigurationError, TGIClientInferenceWorkflow, slots
from tgi_service.errors import TgiAnswerTooLongError

LIMIT = 256 * 1024
WITHOUT_END = 64
"""Pieces of 1 MiB: more than sockets keep for a side that has stopped reading."""
MIB = 2**20
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
UNTIL_CLOSED = OK + b"\r\n"
FILL = b"x" * MIB
CHUNK = b"100000\r\n" + FILL + b"\r\n"
EVENT = b'data: {"index":1,"token":{"id":1,"text":"rice","special":false}}\n\n'
CHAT_EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"rice"},"finish_reason":null}]}\n\n'
STREAM = {"source": 1, "destination": 2, "data": {"text": QUESTION}}
CHAT_STREAM = {**STREAM, "data": {"messages": [{"role": "user", "content": QUESTION}]}}
LARGE = 2 * MIB


class EndlessTGI:
    """A server that gives everybody the same answer, and goes on until they leave.

    Attributes:
        asked: requests so far, each on a connection of its own.
        cut_off: of how many connections the other side was closed before the end.
    """

    def __init__(self, listener: socket.socket, head: bytes, piece: bytes) -> None:
        self._listener = listener
        self._head = head
        self._piece = piece
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.asked = 0
        self.cut_off = 0

    def run(self) -> None:
        with suppress(OSError):  # the test is over
            while True:
                connection, _ = self._listener.accept()
                with connection:
                    self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        connection.settimeout(20)
        received = b""
        while not received.endswith(b"\r\n\r\n" if received.startswith(b"GET") else b"}"):
            received += connection.recv(65536)
        self.asked += 1
        try:
            connection.sendall(self._head)
            for piece in repeat(self._piece, WITHOUT_END * MIB // len(self._piece or FILL)):
                connection.sendall(piece)
            self.cut_off += connection.recv(1) == b""
        except ConnectionError:
            self.cut_off += 1


@contextmanager
def endless_tgi(head: bytes, piece: bytes) -> Iterator[EndlessTGI]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = EndlessTGI(listener, head, piece)
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)  # closing alone would not wake the thread
            thread.join()


@contextmanager
def served(
    start: StartService, head: bytes, piece: bytes, **variables: Any
) -> Iterator[tuple[Service, EndlessTGI]]:
    with endless_tgi(head, piece) as server:
        service = start(
            WORKFLOW_POSITIONAL_ARGS=[server.url, 10],
            MAX_ANSWER_BYTES=LIMIT,
            workflow_class=Unprobed,
            **variables,
        )
        yield service, server


def announcing(length: int) -> bytes:
    return OK + b"content-length: %d\r\n\r\n" % length


ENDLESS = {
    "announced": (announcing(LIMIT + 1), b"", f"announces an answer of {LIMIT + 1} bytes"),
    "chunks": (CHUNKED, CHUNK, f"goes on after {LIMIT} bytes of an answer"),
    "until closed": (UNTIL_CLOSED, FILL, f"goes on after {LIMIT} bytes of an answer"),
    "a line": (UNTIL_CLOSED + b"data: ", FILL, f"goes on after {LIMIT} bytes of an answer"),
    "comments": (UNTIL_CLOSED, b":\n\n" * 20_000, f"goes on after {LIMIT} bytes of an answer"),
}


@pytest.mark.parametrize(
    ("kind", "destination"),
    [
        ("announced", 0),
        ("announced", 1),
        ("announced", 2),
        ("chunks", 0),
        ("chunks", 1),
        ("until closed", 1),
        ("a line", 2),
        ("comments", 2),
    ],
)
def test_answer_without_end(start: StartService, kind: str, destination: int) -> None:
    head, piece, said = ENDLESS[kind]
    with served(start, head, piece) as (service, server):
        response = service.ask(destination=destination)

    assert response.status_code == 502
    assert response.json() == {
        "code": "502",
        "name": "Bad Gateway",
        "description": f"TGI at {server.url[7:]} {said}: TGI_INF_MAX_ANSWER_BYTES allows {LIMIT}",
    }
    assert (server.asked, server.cut_off) == (1, 1)
    assert service.metric("tgi_service_tgi_errors_total", error="TgiAnswerTooLongError")


@pytest.mark.parametrize(("job", "event"), [(STREAM, EVENT), (CHAT_STREAM, CHAT_EVENT)])
def test_stream_without_end_breaks_the_transfer(
    start: StartService, job: dict[str, Any], event: bytes
) -> None:
    received: list[bytes] = []
    with (
        served(start, CHUNKED, b"%x\r\n%b\r\n" % (len(event), event)) as (service, server),
        service.http.stream("POST", "/service_output", json=job) as response,
    ):
        assert response.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            received.extend(response.iter_raw())

    assert len(b"".join(received)) == LIMIT // len(event) * len("rice")
    assert (server.asked, server.cut_off) == (1, 1)
    assert service.metric("tgi_service_tgi_errors_total", error="TgiAnswerTooLongError")


@pytest.mark.parametrize("kind", ["tgi", "openai"])
def test_chat_without_end(start: StartService, kind: str) -> None:
    with served(start, CHUNKED, CHUNK, BACKEND=kind, MODEL="m") as (service, server):
        response = service.ask(CHAT_STREAM["data"])

    assert response.status_code == 502
    assert "TGI_INF_MAX_ANSWER_BYTES" in response.json()["description"]
    assert (server.asked, server.cut_off) == (1, 1)


@pytest.mark.parametrize("destination", [1, 2])
@pytest.mark.parametrize(
    ("head", "status", "attempts"),
    [
        (b"HTTP/1.1 500 Oops\r\n\r\n", 502, 1),
        (b"HTTP/1.1 422 No\r\nContent-Length: 999999999\r\n\r\n", 400, 1),
        (b"HTTP/1.1 429 Busy\r\n\r\n", 429, 3),
    ],
)
def test_error_without_end_is_the_error_of_its_status(
    start: StartService, head: bytes, status: int, attempts: int, destination: int
) -> None:
    with served(start, head, FILL) as (service, server):
        response = service.ask(destination=destination)

    assert response.status_code == status
    assert response.json()["description"].endswith("x" * 200)
    assert len(response.content) < 1000
    assert (server.asked, server.cut_off) == (attempts, attempts)


def test_question_for_the_model_without_end(start: StartService) -> None:
    with served(start, CHUNKED, CHUNK, ADVERTISE_MODEL=True) as (service, server):
        response = service.http.get("/service-resources?model_id=m")

    assert response.json()["supported"] is False
    assert (server.asked, server.cut_off) == (1, 1)


def test_probe_without_end_ends_the_start(start: StartService) -> None:
    with (
        endless_tgi(announcing(LIMIT + 1), b"") as server,
        pytest.raises(TgiAnswerTooLongError, match="TGI_INF_MAX_ANSWER_BYTES"),
    ):
        start(WORKFLOW_POSITIONAL_ARGS=[server.url, 10], MAX_ANSWER_BYTES=LIMIT)

    assert (server.asked, server.cut_off) == (1, 1)


def test_limit_is_the_longest_answer(start: StartService, tgi: MockTGI) -> None:
    service = start(MAX_ANSWER_BYTES=200)
    answer = json.dumps({"generated_text": "yes"})
    tgi.script(*(Behaviour(status=200, body=answer.ljust(size)) for size in (200, 201)))

    assert service.ask().json() == {"output": "yes"}
    assert service.ask().status_code == 502


@pytest.mark.parametrize("value", [0, 1.5, "1", True, None])
def test_limit_of_a_workflow_is_checked(value: Any) -> None:
    with pytest.raises(ConfigurationError, match="max_answer_bytes must be an integer above 0"):
        TGIClientInferenceWorkflow("http://tgi", max_answer_bytes=value)


class Caller(threading.Thread):
    """Posts a job with a large body; ``response`` is there after ``join``."""

    def __init__(self, service: Service, destination: int) -> None:
        super().__init__()
        self._service = service
        self._destination = destination
        self.response = httpx.Response(500)

    def run(self) -> None:
        self.response = post(self._service, LARGE, self._destination)


def post(
    service: Service, size: int, destination: int = 1, *, announced: bool = True
) -> httpx.Response:
    """Posts a job in a body of so many bytes, most of them white space."""
    job = json.dumps({"source": 1, "destination": destination, "data": {"text": QUESTION}})
    content = job.encode().ljust(size)
    headers = {"Content-Type": "application/json"}
    return service.http.post(
        "/service_output", content=content if announced else iter([content]), headers=headers
    )


@pytest.mark.parametrize(
    ("destination", "held"),
    [(1, Behaviour(hold=True)), (2, Behaviour(token_texts=("a", "b"), after=1, then="hold"))],
)
@pytest.mark.parametrize("announced", [True, False])
def test_large_requests_at_the_same_time_have_a_limit(
    start: StartService,
    tgi: MockTGI,
    monkeypatch: pytest.MonkeyPatch,
    destination: int,
    held: Behaviour,
    announced: bool,
) -> None:
    monkeypatch.setattr(slots, "LARGE_BODIES_PER_WORKER", 1)
    service = start()
    tgi.script(held)
    first = Caller(service, destination)
    first.start()
    tgi.wait_for(lambda tgi: len(tgi.generations) == 1)

    try:
        refused = post(service, LARGE, announced=announced)
        small = post(service, MIB, announced=announced)
    finally:
        tgi.release()
        first.join()
    later = post(service, LARGE, announced=announced)

    assert refused.status_code == 429
    assert "above 1 MiB" in refused.json()["description"]
    assert refused.headers["Retry-After"] == "1"
    assert small.status_code == first.response.status_code == later.status_code == 200
    assert len(tgi.generations) == 3


def test_refused_request_makes_room_again(
    start: StartService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots, "LARGE_BODIES_PER_WORKER", 1)
    service = start(MAX_INPUT_CHARS=1)

    assert [post(service, LARGE).status_code for _ in range(3)] == [400, 400, 400]


def test_too_large_is_no_matter_of_room(
    start: StartService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots, "LARGE_BODIES_PER_WORKER", 0)
    service = start(MAX_CONTENT_LENGTH=LARGE - 1)

    assert post(service, LARGE - 1).status_code == 429
    assert post(service, LARGE).status_code == 413
