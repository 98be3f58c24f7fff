"""A TGI server that breaks in the middle of things, byte by byte."""

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import httpx
import pytest

from test.service.serving import Service, StartService, Unprobed
from test.support.waiting import SECONDS

TEN_MEGABYTES = "rice" * (10 * 2**20 // 4)
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
FIRST = b'data: {"index":1,"token":{"id":1,"text":"one","special":false}}\n\n'
LAST = (
    b'data: {"index":2,"token":{"id":2,"text":" two","special":false},"generated_text":"one two",'
    b'"details":{"finish_reason":"length","generated_tokens":2,"seed":null}}\n\n'
)

Ending = Callable[[socket.socket], None]


def close(connection: socket.socket) -> None:
    """An end like any other."""


def reset(connection: socket.socket) -> None:
    """Closing at once then throws away what is under way."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def stall(connection: socket.socket) -> None:
    """Says nothing more until the caller leaves."""
    connection.settimeout(SECONDS)
    while connection.recv(4096):
        pass


@contextmanager
def broken_tgi(parts: Sequence[bytes], ending: Ending = close) -> Iterator[str]:
    """A server that sends the same parts to everybody."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:  # the test is over
                    return
                # The service leaves when its patience is over.
                with connection, suppress(ConnectionError):
                    received = b""
                    while b'"stream":' not in received:
                        received += connection.recv(4096)
                    for part in parts:
                        connection.sendall(part)
                    ending(connection)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)  # closing alone would not wake the thread
            thread.join()


@contextmanager
def served(
    start: StartService, *parts: bytes, ending: Ending = close, patience: float = 0.5
) -> Iterator[Service]:
    """A service of a broken server.

    Args:
        patience: seconds that it waits for one that stalls, and long enough for what comes before.
    """
    timeout = patience if ending is stall else SECONDS
    with broken_tgi(parts, ending) as url:
        yield start(WORKFLOW_POSITIONAL_ARGS=[url, timeout], workflow_class=Unprobed)


def whole(body: bytes, length: int | None = None) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {length or len(body)}\r\n\r\n"
    return head.encode() + body


@pytest.mark.parametrize(
    ("parts", "ending", "status", "error"),
    [
        ([], close, 503, "TgiUnavailableError"),
        ([], reset, 503, "TgiUnavailableError"),
        ([], stall, 504, "TgiTimeoutError"),
        ([b"HTTP/1.1 200"], close, 503, "TgiUnavailableError"),
        ([b"no HTTP at all\r\n\r\n"], close, 503, "TgiUnavailableError"),
        ([whole(b'{"generated_text":"y', 100)], close, 500, "TgiGenerationError"),
        ([whole(b'{"generated_text":"y', 100)], reset, 500, "TgiGenerationError"),
        ([whole(b'{"generated_text":"y', 100)], stall, 504, "TgiTimeoutError"),
        ([whole(b'{"generated_text":"\xff"}')], close, 502, "TgiBadAnswerError"),
        ([whole(b'{"generated_text":"y')], close, 502, "TgiBadAnswerError"),
        ([whole(b"")], close, 502, "TgiBadAnswerError"),
    ],
)
@pytest.mark.parametrize("destination", [0, 1])
def test_answer_that_breaks(
    start: StartService,
    parts: list[bytes],
    ending: Ending,
    status: int,
    error: str,
    destination: int,
) -> None:
    with served(start, *parts, ending=ending) as service:
        response = service.ask(destination=destination)

        assert response.status_code == status
        assert response.json()["code"] == str(status)
        assert service.metric("tgi_service_tgi_errors_total", error=error)


@pytest.mark.parametrize(
    ("parts", "ending", "error"),
    [
        ([], close, "TgiGenerationError"),
        ([], reset, "TgiGenerationError"),
        ([], stall, "TgiTimeoutError"),
        ([b'data: {"index":2,"tok'], close, "TgiGenerationError"),
        ([b'data: {"index":2,"tok'], stall, "TgiTimeoutError"),
        ([b'data: {"index":2,"tok\n\n'], close, "TgiBadAnswerError"),
        ([b'data: {"token":{"text":"\xff"}}\n\n'], close, "TgiBadAnswerError"),
        ([b'data: {"token":{"text":"\xc3'], close, "TgiGenerationError"),
        ([b"data: 5\n\n"], close, "TgiBadAnswerError"),
    ],
)
def test_stream_that_breaks_after_its_first_token(
    start: StartService, parts: list[bytes], ending: Ending, error: str
) -> None:
    with served(start, STREAM, FIRST, *parts, ending=ending, patience=3) as service:
        job = {"source": 1, "destination": 2, "data": {"text": "hi"}}
        received: list[bytes] = []
        with service.http.stream("POST", "/service_output", json=job) as response:
            assert response.status_code == 200
            with pytest.raises(httpx.RemoteProtocolError):
                received.extend(response.iter_bytes())

        assert received == [b"one"]
        assert service.metric("tgi_service_tgi_errors_total", error=error) == 1


@pytest.mark.parametrize(
    ("parts", "ending", "status"),
    [
        ([b'data: {"index":1,"tok'], close, 500),
        ([b'data: {"index":1,"tok'], stall, 504),
        ([b'data: {"token":{"text":"\xff"}}\n\n'], close, 502),
    ],
)
def test_stream_that_breaks_before_its_first_token(
    start: StartService, parts: list[bytes], ending: Ending, status: int
) -> None:
    with served(start, STREAM, *parts, ending=ending) as service:
        response = service.ask(destination=2)

        assert response.status_code == status
        assert response.json()["code"] == str(status)


def test_frames_in_pieces_of_one_byte(start: StartService) -> None:
    pieces = [bytes([byte]) for byte in FIRST + LAST]
    with served(start, STREAM, *pieces) as service:
        assert service.ask(destination=2).text == "one two"


@pytest.mark.parametrize("destination", [0, 1, 2])
def test_ten_megabytes(start: StartService, destination: int) -> None:
    answer = {"token": {"text": TEN_MEGABYTES, "special": False}, "generated_text": TEN_MEGABYTES}
    body = json.dumps(answer).encode()
    parts = [STREAM, b"data: " + body + b"\n\n"] if destination == 2 else [whole(body)]
    with served(start, *parts) as service:
        response = service.ask(destination=destination)

    assert response.status_code == 200
    assert text_of(response, destination) == TEN_MEGABYTES


def text_of(response: httpx.Response, destination: int) -> Any:
    if destination == 2:
        return response.text
    if destination == 1:
        return response.json()["output"]
    raw = bytes.fromhex(response.json()["raw_output"])
    return raw[64 : 64 + int.from_bytes(raw[32:64])].decode()
