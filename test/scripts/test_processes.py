import os
import signal
import socket
import sys
import time
from pathlib import Path

import pytest

from scripts.errors import ScriptError
from scripts.processes import INTERRUPTIONS, Process, free_port, port_or_free, stop_all
from test.scripts.conftest import reserved_port
from test.support.waiting import SECONDS

SPAWNS_A_CHILD = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""
IGNORES_SIGTERM = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(60)
"""


ENDS_AFTER_A_FILE_APPEARS = """
import pathlib, signal, sys, time
def end(*_):
    while not pathlib.Path(sys.argv[1]).exists():
        time.sleep(0.01)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
while True:
    time.sleep(60)
"""
LEAVES_A_FILE = """
import pathlib, signal, sys, time
def end(*_):
    pathlib.Path(sys.argv[1]).touch()
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
while True:
    time.sleep(60)
"""
INTERRUPTS_ITS_PARENT = """
import os, signal, sys, time
def end(*_):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(os.getppid(), number)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
while True:
    time.sleep(60)
"""


def start(code: str, log: Path, *arguments: str | Path) -> Process:
    return Process.start("child", [sys.executable, "-c", code, *map(str, arguments)], log=log)


def ready(process: Process) -> Process:
    process.wait_until(lambda: "ready" in process.log.read_text(), SECONDS)
    return process


def alive(pid: int) -> bool:
    """Whether the process runs; one that ended but was not reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_stopping_ends_the_children_of_children(tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = start(SPAWNS_A_CHILD, log)
    process.wait_until(lambda: log.read_text().endswith("\n"), SECONDS)
    grandchild = int(log.read_text())
    assert alive(grandchild)
    process.stop()
    deadline = time.monotonic() + SECONDS
    while alive(grandchild) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not alive(grandchild)
    assert not process.running


def test_stopping_insists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.processes.STOP_GRACE", 0.1)
    log = tmp_path / "log"
    process = start(IGNORES_SIGTERM, log)
    process.wait_until(lambda: "ready" in log.read_text(), SECONDS)
    process.stop()
    assert not process.running


def test_a_child_that_ends_early_is_quoted(tmp_path: Path) -> None:
    process = start("import sys; print('bad config'); sys.exit(3)", tmp_path / "log")
    with pytest.raises(ScriptError, match=r"(?s)child ended with exit code 3.*bad config"):
        process.wait_until(lambda: False, SECONDS)


def test_a_child_that_is_not_ready_in_time_is_quoted(tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = start(IGNORES_SIGTERM, log)
    process.wait_until(lambda: "ready" in log.read_text(), SECONDS)
    with pytest.raises(ScriptError, match=r"(?s)not ready within 0.1 s.*ready"):
        process.wait_until(lambda: False, 0.1)
    process.kill()


def test_a_port_in_use_is_named_and_another_taken(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        wanted = taken.getsockname()[1]
        port = port_or_free(wanted, "the node")
    assert port != wanted
    assert capsys.readouterr().err == f"port {wanted} is in use, the node takes {port}\n"


def test_no_port_is_given_out_twice() -> None:
    # Of so many, some would be the same by chance.
    ports = [free_port() for _ in range(1000)]

    assert len(set(ports)) == len(ports)


def test_a_free_port_is_taken_as_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    with reserved_port() as free:
        assert port_or_free(free, "the node") == free
    assert capsys.readouterr().err == ""


def test_the_group_of_a_child_is_its_own(tmp_path: Path) -> None:
    process = start("import time; time.sleep(60)", tmp_path / "log")
    assert os.getpgid(process.popen.pid) == process.popen.pid != os.getpgid(0)
    process.stop()


def test_what_answers_in_place_of_a_child_that_ended_is_not_it(tmp_path: Path) -> None:
    process = start("import sys; print('port is taken'); sys.exit(3)", tmp_path / "log")
    process.popen.wait()
    with pytest.raises(ScriptError, match=r"(?s)child ended with exit code 3.*port is taken"):
        process.wait_until(lambda: True, SECONDS)


def test_all_are_asked_to_end_before_any_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scripts.processes.STOP_GRACE", SECONDS)
    first = ready(start(ENDS_AFTER_A_FILE_APPEARS, tmp_path / "first.log", tmp_path / "file"))
    second = ready(start(LEAVES_A_FILE, tmp_path / "second.log", tmp_path / "file"))
    stop_all([first, second])
    assert (first.popen.returncode, second.popen.returncode) == (0, 0)


def test_a_second_interruption_does_not_keep_children_from_being_stopped(tmp_path: Path) -> None:
    heard: list[int] = []

    def hear(number: int, frame: object) -> None:
        heard.append(number)

    before = {number: signal.signal(number, hear) for number in INTERRUPTIONS}
    try:
        stop_all([ready(start(INTERRUPTS_ITS_PARENT, tmp_path / "log"))])
        assert heard == []
        assert all(signal.getsignal(number) is hear for number in INTERRUPTIONS)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
