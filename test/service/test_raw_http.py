"""Bytes that are no HTTP, or hardly: a refusal in the form of all others, and no hang."""

import json
import socket

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from test.service.serving import QUESTION, Service

JOB = json.dumps({"source": 1, "destination": 1, "data": {"text": QUESTION}}).encode()
POST = b"POST /service_output HTTP/1.1\r\n"
HEAD = POST + b"Host: x\r\nContent-Type: application/json\r\n"
GET = b"GET / HTTP/1.1\r\nHost: x\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
OF_LENGTH = HEAD + b"Content-Length: %d\r\n\r\n"


def exchange(service: Service, content: bytes) -> bytes:
    """Sends bytes and an end of them; returns all that comes back, until the other end."""
    host, port = service.url.removeprefix("http://").split(":")
    answer = b""
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        try:
            connection.sendall(content)
            connection.shutdown(socket.SHUT_WR)
            while received := connection.recv(65536):
                answer += received
        except ConnectionError:  # it had heard enough
            pass
    return answer


def check(answer: bytes) -> int:
    """Checks that an answer is an error object; returns its status."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/json" in head.lower()
    status = int(head.split()[1])
    content = json.loads(body)
    assert content.keys() == {"code", "name", "description"}
    assert content["code"] == str(status)
    return status


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"\x00\xff no http\r\n\r\n", 400),
        (b"GET /\xff\xfe HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", 414),
        (GET + b"no colon\r\n\r\n", 400),
        (GET + b"X: a\x00b\r\n\r\n", 400),
        (GET + b"X: %s\r\n\r\n" % (b"a" * 20_000), 431),
        (GET + b"".join(b"X%d: 1\r\n" % number for number in range(300)) + b"\r\n", 431),
        (HEAD + b"Content-Length: -5\r\n\r\n", 400),
        (HEAD + b"Content-Length: five\r\n\r\n", 400),
        (HEAD + b"Content-Length: 99999999999999999999\r\n\r\n", 413),
        (HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (HEAD + b"Transfer-Encoding: gzip\r\n\r\n", 400),
        (HEAD + b"Expect: the best\r\n\r\n", 417),
        (CHUNKED + b"ZZ\r\nabc\r\n", 400),
        (CHUNKED + b"3\r\nabcdef\r\n0\r\n\r\n", 400),
        (CHUNKED + b"-3\r\nabc\r\n0\r\n\r\n", 400),
        (OF_LENGTH % 200_000 + b"[" * 200_000, 400),
        (OF_LENGTH % 2 + b"\xff\xfe", 400),
        (
            POST + b"Content-Type: \xff;;=\r\nContent-Length: 2\r\n\r\n{}",
            400,
        ),
        (b"GET /%ff%fe HTTP/1.1\r\nHost: \xff[[[\r\n\r\n", 404),
        (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 404),
    ],
)
def test_refusal(service: Service, content: bytes, status: int) -> None:
    assert check(exchange(service, content)) == status


@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    before=st.sampled_from([b"", GET, HEAD, CHUNKED, OF_LENGTH % len(JOB), OF_LENGTH % 20]),
    content=st.binary(max_size=200),
)
def test_any_bytes(service: Service, before: bytes, content: bytes) -> None:
    """A job cut off is not answered at all; what else is no job is an error of the caller."""
    answer = exchange(service, before + content)

    assert not answer.startswith(b"HTTP/1.1 5"), answer
    for status in (400, 404, 405, 413, 414, 417, 431):
        if answer.startswith(b"HTTP/1.1 %d" % status):
            assert check(answer) == status


@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    name=st.sampled_from([b"Content-Type", b"X-Request-ID", b"Accept", b"Cookie", b"Host", b"X"]),
    value=st.binary(max_size=60).filter(lambda value: not set(value) & set(b"\r\n")),
)
def test_any_header(service: Service, name: bytes, value: bytes) -> None:
    head = POST + b"Connection: close\r\nContent-Length: %d\r\n" % len(JOB)

    answer = exchange(service, head + name + b": " + value + b"\r\n\r\n" + JOB)

    assert check(answer) == 400  # without a content type that says JSON


def test_next_request_on_a_connection_is_answered_too(service: Service) -> None:
    answers = exchange(service, GET + b"\r\n" + OF_LENGTH % 2 + b"{}" + GET + b"\r\n")

    assert answers.count(b"HTTP/1.1 200") == 2
    assert answers.count(b"HTTP/1.1 400") == 1
