"""How requests travel to TGI: on connections that are used again, and can be broken off."""

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from test.support.mock_tgi import Behaviour, MockTGI
from test.support.waiting import SECONDS
from tgi_service import transport
from tgi_service.call import Cancellation
from tgi_service.errors import CallerGoneError, ConfigurationError, TgiUnavailableError
from tgi_service.tgi_backend import TgiBackend
from tgi_service.transport import Transport

HELD = Behaviour(hold=True)
GONE = CallerGoneError("gone")
ANSWER = b'{"generated_text":"yes"}'


@pytest.fixture
def backend(tgi: MockTGI, monkeypatch: pytest.MonkeyPatch) -> TgiBackend:
    """Connections to it are kept however long a busy machine takes for the next request."""
    monkeypatch.setattr(transport, "_IDLE", SECONDS)
    return connect(tgi.url)


def connect(url: str, timeout: float = SECONDS) -> TgiBackend:
    return TgiBackend(url, transport_to(url, timeout))


def transport_to(url: str, timeout: float = SECONDS) -> Transport:
    return Transport(url, timeout=timeout, headers={}, cookies={}, max_answer_bytes=2**20)


def ports(tgi: MockTGI) -> list[int]:
    return [recorded.caller_port for recorded in tgi.generations]


def asking(backend: TgiBackend, cancellation: Cancellation) -> tuple[threading.Thread, list[Any]]:
    """Asks on a thread of its own; the list gets the answer or the error."""
    outcome: list[Any] = []

    def ask() -> None:
        try:
            outcome.append(backend.generate("hello", {}, cancellation).text)
        except CallerGoneError as error:
            outcome.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    return thread, outcome


def test_one_connection_serves_one_request_after_the_other(
    backend: TgiBackend, tgi: MockTGI
) -> None:
    backend.generate("hello", {}, Cancellation())
    list(backend.stream("hello", {}, Cancellation()))
    backend.generate("hello", {}, Cancellation())

    assert len(set(ports(tgi))) == 1


def test_requests_at_the_same_time_have_a_connection_each(
    backend: TgiBackend, tgi: MockTGI
) -> None:
    tgi.script(HELD)
    first, outcome = asking(backend, Cancellation())
    tgi.wait_for(lambda tgi: len(tgi.generations) == 1)

    backend.generate("hello", {}, Cancellation())
    tgi.release()
    first.join()

    assert len(set(ports(tgi))) == 2
    assert outcome[0]


def test_idle_connection_is_not_kept_for_long(
    tgi: MockTGI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "_IDLE", 0.0)
    backend = connect(tgi.url)

    backend.generate("hello", {}, Cancellation())
    backend.generate("hello", {}, Cancellation())

    assert len(set(ports(tgi))) == 2


def test_connection_that_the_server_closed_meanwhile_is_not_used() -> None:
    with one_answer_a_connection() as (url, closed):
        backend = connect(url)
        for _ in range(3):
            closed.clear()
            assert backend.generate("hello", {}, Cancellation()).text == "yes"
            assert closed.wait(SECONDS)


def test_request_on_a_connection_used_before_can_be_broken_off(
    backend: TgiBackend, tgi: MockTGI
) -> None:
    backend.generate("hello", {}, Cancellation())
    tgi.script(HELD)
    cancellation = Cancellation()
    thread, outcome = asking(backend, cancellation)
    tgi.wait_for(lambda tgi: len(tgi.generations) == 2)

    cancellation.cancel(GONE)
    thread.join()

    tgi.wait_for(lambda tgi: tgi.generations[1].disconnected)
    assert outcome == [GONE]
    assert len(set(ports(tgi))) == 1
    assert backend.generate("hello", {}, Cancellation()).text  # on another one


def test_job_cancelled_too_late_breaks_no_other_job_s_connection(
    backend: TgiBackend, tgi: MockTGI
) -> None:
    finished = Cancellation()
    backend.generate("hello", {}, finished)
    tgi.script(HELD)
    thread, outcome = asking(backend, Cancellation())
    tgi.wait_for(lambda tgi: len(tgi.generations) == 2)

    finished.cancel(GONE)
    tgi.release()
    thread.join()

    assert len(set(ports(tgi))) == 1
    assert isinstance(outcome[0], str)


def test_job_cancelled_before_it_sends_asks_for_nothing(backend: TgiBackend, tgi: MockTGI) -> None:
    cancellation = Cancellation()
    cancellation.cancel(GONE)

    with pytest.raises(CallerGoneError):
        backend.generate("hello", {}, cancellation)

    assert not tgi.generations


def test_abandoned_stream_takes_its_connection_along(backend: TgiBackend, tgi: MockTGI) -> None:
    tgi.script(Behaviour(token_texts=("one", "two"), after=1, then="hold"))
    items = backend.stream("hello", {}, Cancellation())
    next(items)
    items.close()
    tgi.wait_for(lambda tgi: tgi.generations[0].disconnected)

    backend.generate("hello", {}, Cancellation())

    assert len(set(ports(tgi))) == 2


def test_https(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, key = self_signed(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    with MockTGI(tls=tls) as tgi:
        with pytest.raises(TgiUnavailableError, match="certificate"):
            connect(tgi.url).generate("hello", {}, Cancellation())

        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        backend = connect(tgi.url)
        assert backend.generate("hello", {}, Cancellation()).text
        tgi.script(HELD)
        cancellation = Cancellation()
        thread, outcome = asking(backend, cancellation)
        tgi.wait_for(lambda tgi: len(tgi.generations) == 2)
        cancellation.cancel(GONE)
        thread.join()

    assert outcome == [GONE]


def test_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with one_answer_a_connection() as (url, _), one_answer_a_connection() as (direct, _):
        monkeypatch.setenv("http_proxy", url.removeprefix("http://"))
        monkeypatch.setenv("no_proxy", "127.0.0.1")

        assert connect("http://tgi.invalid").generate("hello", {}, Cancellation()).text == "yes"
        assert connect(direct).generate("hello", {}, Cancellation()).text == "yes"


@pytest.mark.parametrize("variable", ["http_proxy", "all_proxy"])
@pytest.mark.parametrize(
    "address", ["socks5://user:s3cret@proxy", "ftp://user:s3cret@proxy", "http://user:s3cret@:x"]
)
def test_proxy_that_cannot_be_asked_is_refused_naming_the_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, address: str
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, address)

    with pytest.raises(ConfigurationError) as refused:
        connect("http://tgi.example")

    assert variable.upper() in str(refused.value)
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("url", ["http://tgi.example:80", "http://tgi.example"])
def test_host_is_named_without_the_port_that_goes_without_saying(url: str) -> None:
    assert transport_to(url).server == "TGI at tgi.example"


@contextmanager
def one_answer_a_connection() -> Iterator[tuple[str, threading.Event]]:
    """A server that says nothing of closing a connection, and does so after one answer."""
    closed = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:  # the test is over
                    return
                with connection:
                    received = b""
                    while b'"stream":false}' not in received:
                        received += connection.recv(4096)
                    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(ANSWER)}\r\n\r\n"
                    connection.sendall(head.encode() + ANSWER)
                closed.set()

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", closed
        finally:
            listener.shutdown(socket.SHUT_RDWR)  # closing alone would not wake the thread
            thread.join()


def self_signed(directory: Path) -> tuple[Path, Path]:
    """A certificate of this machine that nobody vouches for, and its key."""
    certificate, key = directory / "tgi.pem", directory / "tgi.key"
    subprocess.run(
        (
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-out", certificate, "-keyout", key),
        ),
        check=True,
        capture_output=True,
    )
    return certificate, key
