"""Thousands of requests leave nothing behind (``make soak-service``, REQUESTS=20000)."""

import os
import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from test.service.serving import QUESTION, environment
from test.service.test_process import running
from test.service.test_service_output import QUESTION_HEX
from test.support.mock_tgi import MockTGI

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3600)]

REQUESTS = int(os.environ.get("SOAK_REQUESTS", "2000"))
CLIENTS = 8
GROWTH_MIB = 8.0
"""What the second half of all requests may add: allocators are not exact, leaks add up."""
KINDS = (
    {"source": 1, "destination": 1, "data": {"text": QUESTION}},
    {"source": 0, "destination": 0, "data": QUESTION_HEX},
    {"source": 1, "destination": 2, "data": {"text": QUESTION}},
    {"source": 1, "destination": 1, "data": {"messages": [{"role": "user", "content": "a"}]}},
    {"source": 1, "destination": 1, "data": {"text": QUESTION, "parameters": {"stop": ["."] * 5}}},
    {"source": 1, "destination": 1, "data": {}},
)
STATUSES = {200, 400}


def resident_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    match = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert match is not None
    return int(match[1]) / 1024


def open_files(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def leave_in_mid_stream(port: int) -> None:
    """Asks for a stream and goes away after the first bytes."""
    body = b'{"source": 1, "destination": 2, "data": {"text": "hello"}}'
    head = (
        b"POST /service_output HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body)
    )
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(head + body)
        connection.recv(64)


def ask(http: httpx.Client, port: int, count: int) -> set[int]:
    """Sends requests of all kinds from several threads, every 20th broken off."""
    local = threading.local()

    def one(number: int) -> int:
        if number % 20 == 0:
            leave_in_mid_stream(port)
            return 200
        client = getattr(local, "http", None)
        if client is None:
            client = local.http = httpx.Client(base_url=http.base_url, timeout=60)
            clients.append(client)
        return client.post("/service_output", json=KINDS[number % len(KINDS)]).status_code

    clients: list[httpx.Client] = []
    try:
        with ThreadPoolExecutor(CLIENTS) as pool:
            return set(pool.map(one, range(count)))
    finally:
        for client in clients:
            client.close()


@contextmanager
def drained(process: "subprocess.Popen[str]") -> Iterator[None]:
    """Reads the log inside the block, which ends the process: a full pipe would stop it."""

    def drain() -> None:
        assert process.stdout is not None
        for _ in process.stdout:
            pass

    thread = threading.Thread(target=drain)
    thread.start()
    try:
        yield
    finally:
        process.kill()
        thread.join()


def test_memory_is_flat(tgi: MockTGI) -> None:
    with running(environment(tgi)) as service, drained(service.process):
        service.wait_until_up()
        (worker,) = service.workers()
        statuses = ask(service.http, service.port, REQUESTS // 2)
        memory, files = resident_mib(worker), open_files(worker)

        statuses |= ask(service.http, service.port, REQUESTS // 2)

        grown = resident_mib(worker) - memory
        print(f"{REQUESTS} requests: {memory:.1f} MiB after half of them, {grown:+.1f} MiB after")
        assert statuses == STATUSES
        assert grown < GROWTH_MIB
        assert open_files(worker) <= files + CLIENTS
