"""gunicorn's worker, as the service uses it."""

import socket

import pytest
from gunicorn import util  # type: ignore[import-untyped]

from test.service.serving import environment, serve
from test.support.mock_tgi import MockTGI
from tgi_service import worker

GREETING = b"Lightweight TGI Client Inference Service"
ASK_AND_END = b"GET / HTTP/1.1\r\nHost: service\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize("patience", [60.0, 0.01])
def test_caller_slow_to_close_keeps_nobody_out(
    tgi: MockTGI, monkeypatch: pytest.MonkeyPatch, patience: float
) -> None:
    """The thread that accepts connections only ever closes those with nothing to wait for."""
    monkeypatch.setattr(worker, "_LINGER", patience)
    still_open: list[bool] = []
    close = util.close_graceful

    def closing(connection: socket.socket) -> None:
        still_open.append(not ended(connection))
        close(connection)

    monkeypatch.setattr(util, "close_graceful", closing)
    with serve(environment(tgi)) as service, caller(service.url) as slow:
        answer = b""
        while GREETING not in answer:
            answer += slow.recv(4096)
        with caller(service.url) as quick:
            while quick.recv(4096):
                pass
        assert service.http.get("/").status_code == 200

    assert len(still_open) >= len([slow, quick])
    assert not any(still_open)


def caller(url: str) -> socket.socket:
    host, port = url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=10)
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
