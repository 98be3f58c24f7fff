"""gunicorn's worker, as the service uses it."""

import queue
import socket

import pytest
from gunicorn import util  # type: ignore[import-untyped]

from test.service.serving import environment, serve
from test.support.mock_tgi import MockTGI
from test.support.waiting import SECONDS
from tgi_service import worker

GREETING = b"Lightweight TGI Client Inference Service"
ASK_AND_END = b"GET / HTTP/1.1\r\nHost: service\r\nConnection: close\r\n\r\n"


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> queue.Queue[bool]:
    """Whether there was something to wait for when the accepting thread closed a connection."""
    found: queue.Queue[bool] = queue.Queue()
    close = util.close_graceful

    def closing(connection: socket.socket) -> None:
        found.put(not ended(connection))
        close(connection)

    monkeypatch.setattr(util, "close_graceful", closing)
    return found


def test_caller_slow_to_close_keeps_nobody_out(tgi: MockTGI, waits: queue.Queue[bool]) -> None:
    with serve(environment(tgi)) as service, caller(service.url) as slow:
        read_greeting(slow)
        with caller(service.url) as quick:
            read_greeting(quick)
            assert quick.recv(1) == b""
        assert not waits.get(timeout=SECONDS)  # for the quick one
    assert not waits.get(timeout=SECONDS)


def test_caller_that_never_closes_keeps_nobody_out(
    tgi: MockTGI, waits: queue.Queue[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_LINGER", 0.01)
    with serve(environment(tgi)) as service, caller(service.url) as slow:
        read_greeting(slow)
        assert not waits.get(timeout=SECONDS)


def read_greeting(connection: socket.socket) -> None:
    answer = b""
    while GREETING not in answer:
        answer += connection.recv(4096)
    while not answer.endswith(b"}\n"):
        answer += connection.recv(4096)


def caller(url: str) -> socket.socket:
    host, port = url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=SECONDS)
    connection.sendall(ASK_AND_END)
    return connection


def ended(connection: socket.socket) -> bool:
    """Whether there is an end to read."""
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
