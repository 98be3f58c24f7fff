"""``make demo`` as a stranger runs it: it answers, and leaves nothing behind."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.processes import free_port
from scripts.stack import ROOT
from test.support.mock_tgi import Behaviour, MockTGI

TAG = "INFERNET_DEMO_TEST"
AT_START = Behaviour()
"""The service asks TGI once while it starts."""


@pytest.fixture
def tag() -> Iterator[str]:
    """An environment variable by which the demo's processes are found, however they detach."""
    value = f"{os.getpid()}-{time.monotonic_ns()}"
    yield value
    for pid in tagged(value):
        os.kill(pid, signal.SIGKILL)


def tagged(value: str) -> list[int]:
    """Returns the processes that carry the tag in their environment."""
    wanted = f"{TAG}={value}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                environment = (entry / "environ").read_bytes()
            except (PermissionError, FileNotFoundError, ProcessLookupError):
                continue
            if wanted in environment.split(b"\0"):
                found.append(int(entry.name))
    return found


def demo(tag: str, *args: str, **env: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "scripts.demo", *args],
        cwd=ROOT,
        env={**os.environ, TAG: tag, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_it_prints_a_model_answer_read_back_from_the_chain(tag: str) -> None:
    process = demo(tag, "--question", "What is a rollup?")
    output, errors = process.communicate(timeout=90)
    assert process.returncode == 0, output + errors
    for label in ("question", "answer", "node", "requested", "delivered", "time"):
        assert re.search(rf"^{label} +\S", output, re.MULTILINE), output
    assert "What is a rollup?" in output
    assert "rollup" in re.search(r"^answer +(.*)$", output, re.MULTILINE)[1]  # type: ignore[index]
    assert re.search(r"^delivered +0x[0-9a-f]{64}  block \d+  gas [\d,]+$", output, re.MULTILINE)
    assert tagged(tag) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_leaves_no_process(tag: str, number: signal.Signals) -> None:
    with MockTGI() as tgi:
        tgi.script(AT_START)
        tgi.always(Behaviour(hold=True))
        process = demo(tag, "--tgi-url", tgi.url)
        assert process.stdout is not None
        line = ""
        while not line.startswith("ok  node"):
            line = process.stdout.readline()
            assert line, process.communicate()[1]
        assert len(tagged(tag)) >= 4
        process.send_signal(number)
        process.communicate(timeout=30)
    assert process.returncode == 130
    assert tagged(tag) == []


def test_a_failure_is_explained_and_leaves_no_process(tag: str) -> None:
    with MockTGI() as tgi:
        tgi.script(AT_START)
        tgi.always(Behaviour(status=422, body={"error": "no", "error_type": "validation"}))
        process = demo(tag, "--tgi-url", tgi.url, "--timeout", "3")
        output, errors = process.communicate(timeout=90)
    assert process.returncode == 1
    assert "Error: " in errors, output + errors
    assert tagged(tag) == []


def test_a_tgi_server_that_is_not_there_is_named(tag: str) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    process = demo(tag, "--tgi-url", url)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 2
    assert f"no TGI server answers at {url}" in errors
    assert tagged(tag) == []


def test_two_at_once_do_not_disturb_each_other(tag: str) -> None:
    questions = ("What is a rollup?", "What is a blob?")
    both = [demo(tag, "--question", question) for question in questions]
    for process, question in zip(both, questions, strict=True):
        output, errors = process.communicate(timeout=110)
        assert process.returncode == 0, output + errors
        assert re.search(rf"^question +{re.escape(question)}$", output, re.MULTILINE), output
        assert re.search(r"^answer +\S", output, re.MULTILINE), output
    assert tagged(tag) == []


def test_a_dead_proxy_does_not_matter(tag: str) -> None:
    proxy = "http://127.0.0.1:9"
    names = dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"), proxy)
    process = demo(tag, **names, NO_PROXY="", no_proxy="", DEMO_QUESTION="", DEMO_TGI_URL="")
    output, errors = process.communicate(timeout=90)
    assert process.returncode == 0, output + errors
    assert re.search(r"^question +Can shrimp actually fry rice fr\?$", output, re.MULTILINE)


def test_a_question_reaches_the_model_through_the_contract_unchanged(tag: str) -> None:
    question = """It's "$HOME" and `id`; $(id) \\ #! {} %s café 🦐 – or not?"""
    with MockTGI() as tgi:
        process = demo(tag, DEMO_QUESTION=question, DEMO_TGI_URL=tgi.url)
        output, errors = process.communicate(timeout=90)
        assert process.returncode == 0, output + errors
        assert tgi.generations[-1].json["inputs"] == question
    assert question in output
