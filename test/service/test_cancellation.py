"""Jobs that end early: the caller leaves, time is up, the service stops."""

import json
import socket
import struct
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any

import pytest

from test.service.serving import QUESTION, FakeClock, Service, StartService
from test.support.mock_tgi import Behaviour, MockTGI, overloaded
from test.support.waiting import SECONDS
from tgi_service.call import Cancellation, Clock
from tgi_service.errors import CallerGoneError, TgiTimeoutError

HELD = Behaviour(hold=True)


@contextmanager
def caller(service: Service, *, destination: int = 1) -> Iterator[socket.socket]:
    """A caller that sends a job and then only holds the connection."""
    host, port = service.url.removeprefix("http://").split(":")
    body = json.dumps({"source": 1, "destination": destination, "data": {"text": QUESTION}})
    with socket.create_connection((host, int(port)), timeout=SECONDS) as connection:
        connection.sendall(
            f"POST /service_output HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        yield connection


@pytest.mark.parametrize("destination", [0, 1, 2])
def test_caller_leaving_closes_the_request_to_tgi(
    service: Service, tgi: MockTGI, destination: int
) -> None:
    tgi.script(HELD)
    with caller(service, destination=destination):
        tgi.wait_for(lambda tgi: len(tgi.generations) == 1)

    tgi.wait_for(lambda tgi: tgi.generations[0].disconnected)


def test_caller_that_resets_the_connection_has_left_too(service: Service, tgi: MockTGI) -> None:
    tgi.script(HELD)
    with caller(service) as connection:
        tgi.wait_for(lambda tgi: len(tgi.generations) == 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    tgi.wait_for(lambda tgi: tgi.generations[0].disconnected)


def test_caller_leaving_in_mid_stream_closes_the_request_to_tgi(
    service: Service, tgi: MockTGI
) -> None:
    tgi.script(Behaviour(token_texts=("one", "two"), after=1, then="hold"))
    with caller(service, destination=2) as connection:
        received = b""
        while b"one" not in received:
            received += connection.recv(4096)

    tgi.wait_for(lambda tgi: tgi.generations[0].disconnected)


def test_caller_leaving_is_counted(start: StartService, tgi: MockTGI) -> None:
    service = start()
    tgi.script(HELD)
    with caller(service):
        tgi.wait_for(lambda tgi: len(tgi.generations) == 1)
        assert service.metric("tgi_service_jobs_in_flight") == 1
    tgi.wait_for(lambda tgi: tgi.generations[0].disconnected)

    def cancelled() -> float | None:
        return service.metric("tgi_service_jobs_total", status="cancelled")

    _eventually(lambda: cancelled() == 1)
    _eventually(lambda: service.metric("tgi_service_jobs_in_flight") == 0)


def test_caller_leaving_ends_the_wait_for_a_retry(start: StartService, tgi: MockTGI) -> None:
    service = start(WORKFLOW_KW_ARGS={"retry_params": {"tries": -1, "delay": 100}})
    tgi.always(overloaded())
    with caller(service):
        tgi.wait_for(lambda tgi: len(tgi.generations) == 1)

    _eventually(lambda: service.metric("tgi_service_jobs_total", status="cancelled") == 1)
    assert len(tgi.generations) == 1


def test_limit_of_a_job_ends_a_request_under_way(
    start: StartService, tgi: MockTGI, clock: FakeClock
) -> None:
    service = start(clock=clock, JOB_DEADLINE=20)
    tgi.script(HELD)
    with ThreadPoolExecutor() as pool:
        answered = pool.submit(service.ask)
        tgi.wait_for(lambda tgi: len(tgi.generations) == 1)
        clock.time += 19
        assert not wait([answered], timeout=0.5).done

        clock.time += 1

    response = answered.result()
    assert response.status_code == 504
    assert "20 s" in response.json()["description"]
    tgi.wait_for(lambda tgi: tgi.generations[0].disconnected)


def test_wait_that_would_cross_the_limit_is_not_begun(
    start: StartService, tgi: MockTGI, clock: FakeClock
) -> None:
    service = start(
        clock=clock,
        JOB_DEADLINE=20,
        WORKFLOW_KW_ARGS={"retry_params": {"tries": -1, "jitter": 0}},
    )
    tgi.always(overloaded())

    response = service.ask()

    assert clock.waits == [3, 6, 10]
    assert len(tgi.generations) == 4
    assert response.status_code == 429


def test_default_limit_keeps_clear_of_the_node_s_own(
    start: StartService, tgi: MockTGI, clock: FakeClock
) -> None:
    service = start(
        clock=clock, WORKFLOW_KW_ARGS={"retry_params": {"tries": -1, "backoff": 1, "jitter": 0}}
    )
    tgi.always(overloaded())

    service.ask()

    assert sum(clock.waits) < 170


def test_no_limit(start: StartService, tgi: MockTGI, clock: FakeClock) -> None:
    service = start(
        clock=clock,
        JOB_DEADLINE=0,
        WORKFLOW_KW_ARGS={"retry_params": {"tries": 30, "jitter": 0}},
    )
    tgi.always(overloaded())

    service.ask()

    assert len(tgi.generations) == 30


def test_stopping_ends_waits_and_lets_requests_finish(start: StartService, tgi: MockTGI) -> None:
    service = start(WORKFLOW_KW_ARGS={"retry_params": {"tries": -1, "delay": 100}})
    tgi.script(overloaded(), Behaviour(hold=True, text="yes"))
    answers: dict[str, int] = {}

    def ask(name: str) -> threading.Thread:
        def run() -> None:
            answers[name] = service.ask().status_code

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    waiting = ask("waiting")
    tgi.wait_for(lambda tgi: len(tgi.generations) == 1)
    running = ask("running")
    tgi.wait_for(lambda tgi: len(tgi.generations) == 2)

    service.worker.stop()
    waiting.join(SECONDS)
    assert answers == {"waiting": 429}

    tgi.release()
    running.join(SECONDS)
    assert answers == {"waiting": 429, "running": 200}


def test_stopping_refuses_connections_at_once(start: StartService, tgi: MockTGI) -> None:
    service = start()
    tgi.script(HELD)
    host, port = service.url.removeprefix("http://").split(":")
    with caller(service):
        tgi.wait_for(lambda tgi: len(tgi.generations) == 1)

        service.worker.stop()

        def refused() -> bool:
            try:
                socket.create_connection((host, int(port)), timeout=1).close()
            except ConnectionRefusedError:
                return True
            return False

        _eventually(refused)
        assert not tgi.generations[0].finished


def test_cancelled_before_it_connects() -> None:
    cancellation = Cancellation()
    cancellation.cancel(CallerGoneError("gone"))
    broken: list[str] = []

    with pytest.raises(CallerGoneError):
        cancellation.connected(lambda: broken.append("broken"))
    with pytest.raises(CallerGoneError):
        cancellation.pause(600)


def test_first_reason_counts() -> None:
    clock = FakeClock()
    cancellation = Cancellation(clock, limit=1)
    clock.time += 2
    cancellation.enforce_limit()
    cancellation.cancel(CallerGoneError("gone"))

    with pytest.raises(TgiTimeoutError):
        cancellation.raise_if_cancelled()


def test_real_clock_waits_for_the_event() -> None:
    event = threading.Event()
    assert not Clock().wait(event, 0.001)
    event.set()
    assert Clock().wait(event, 1e300)


def _eventually(condition: Any) -> None:
    """Waits for something that no event announces."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
