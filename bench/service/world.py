"""The processes under measurement: a mock TGI server and the service in front of it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.process import Usage

_MOCK = (sys.executable, "-m", "test.support.mock_tgi", "--port", "0")
_SERVICE = (sys.executable, "-c", "from tgi_service.server import main; main()")
_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class World:
    """Where to send requests, and which processes answer them."""

    tgi_url: str
    service_url: str
    service_pid: int

    def script(self, **behaviour: object) -> None:
        """Sets how the mock server answers from now on."""
        _post(f"{self.tgi_url}/_mock/script", {"always": behaviour})

    def resident_mebibytes(self) -> float:
        """Resident memory of all processes of the service together; shared pages count twice."""
        return sum(Usage.of(pid).mebibytes for pid in (self.service_pid, *self.workers()))

    def worker_seconds(self) -> float:
        """Processor time that all workers together have used so far, in seconds."""
        return sum(Usage.of(pid).seconds for pid in self.workers())

    def workers(self) -> list[int]:
        """Process ids of the service's workers."""
        children = Path(f"/proc/{self.service_pid}/task/{self.service_pid}/children")
        return [int(pid) for pid in children.read_text().split()]


@contextmanager
def running(workers: int) -> Iterator[World]:
    """Starts both, and ends them afterwards."""
    with _mock() as tgi_url, _service(tgi_url, workers) as (service_url, pid):
        yield World(tgi_url, service_url, pid)


@contextmanager
def _mock() -> Iterator[str]:
    process = subprocess.Popen(
        [*_MOCK, "--max-concurrent-requests", "10000"],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        match = re.search(r"http://\S+", process.stdout.readline())
        if match is None:
            raise RuntimeError("the mock TGI server does not say where it listens")
        yield match[0]
    finally:
        _end(process)


@contextmanager
def _service(tgi_url: str, workers: int) -> Iterator[tuple[str, int]]:
    environment = {name: value for name, value in os.environ.items() if "TGI_" not in name}
    environment |= {
        "RUNTIME": "docker",
        "TGI_INF_WORKFLOW_POSITIONAL_ARGS": json.dumps([f"{tgi_url}/generate", 60]),
        "TGI_INF_WORKFLOW_KW_ARGS": '{"max_new_tokens": 20}',
    }
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1024)
        process = subprocess.Popen(
            [*_SERVICE, f"--bind=fd://{listener.fileno()}", f"--workers={workers}"],
            cwd=_ROOT,
            env=environment,
            stderr=subprocess.DEVNULL,
            pass_fds=[listener.fileno()],
        )
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        _wait_until_ready(url)
        yield url, process.pid
    finally:
        _end(process)


def _wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(f"{url}/ready", timeout=10):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _post(url: str, body: object) -> None:
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10):
        pass


def _end(process: "subprocess.Popen[str] | subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
