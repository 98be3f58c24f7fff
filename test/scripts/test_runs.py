import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from scripts.runs import own_folder, turn
from test.support.waiting import SECONDS


def ended_pid() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def test_a_run_has_a_folder_of_its_own(tmp_path: Path) -> None:
    assert own_folder(tmp_path / "runs", "demo") == tmp_path / "runs" / f"demo-{os.getpid()}"


def test_a_folder_of_a_run_that_goes_on_is_left_alone(tmp_path: Path) -> None:
    store = tmp_path / f"demo-{os.getppid()}" / "infernet_node.sqlite"
    store.parent.mkdir()
    store.touch()
    own_folder(tmp_path, "demo")
    assert store.exists()


def test_what_ended_runs_left_is_removed(tmp_path: Path) -> None:
    left, own, other_kind = (
        tmp_path / f"demo-{ended_pid()}" / "deployments",
        tmp_path / f"demo-{os.getpid()}" / "deployments",
        tmp_path / "demo-notes",
    )
    for folder in (left, own, other_kind):
        folder.mkdir(parents=True)
    folder = own_folder(tmp_path, "demo")
    assert sorted(tmp_path.iterdir()) == sorted([folder, other_kind])
    assert list(folder.iterdir()) == []


def test_runs_start_up_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    entered = threading.Event()

    def second() -> None:
        with turn():
            entered.set()

    other = threading.Thread(target=second)
    said = ""
    with turn():
        other.start()
        deadline = time.monotonic() + SECONDS
        while not said and time.monotonic() < deadline:
            said += capsys.readouterr().err
            time.sleep(0.01)
        assert said == "waiting for another demo to start up\n"
        assert not entered.is_set()
    other.join(SECONDS)
    assert entered.is_set()


def test_nothing_is_said_where_nobody_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for _ in range(2):
        with turn():
            assert capsys.readouterr().err == ""
