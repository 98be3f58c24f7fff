"""TGI's own Python client takes the mock server for TGI (``make compat-tgi``)."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from test.support.mock_tgi import Behaviour, MockTGI, overloaded

pytestmark = pytest.mark.e2e

PYTHON = Path(__file__).parents[3] / ".build/compat-tgi/venv/bin/python"
CALLS = Path(__file__).with_name("calls.py")


def failure(status: int, error_type: str | None = None) -> Behaviour:
    body = {"error": "no"} | ({} if error_type is None else {"error_type": error_type})
    return Behaviour(status=status, body=body)


FAILURES = (
    overloaded(),
    failure(422, "validation"),
    failure(424, "generation"),
    failure(500, "incomplete_generation"),
    failure(424),
    failure(429),
    failure(504),
)
GOOD_CALLS = 6
"""Calls of ``calls.py`` before those that fail."""


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """What every call of the client returned."""
    assert PYTHON.exists(), "the client is not installed: run make compat-tgi"
    with MockTGI() as tgi:
        tgi.script(*[Behaviour()] * GOOD_CALLS, *FAILURES, Behaviour(after=1, then="error"))
        ended = subprocess.run([PYTHON, CALLS, tgi.url], capture_output=True, text=True, timeout=60)
        assert len(tgi.generations) == GOOD_CALLS + len(FAILURES) + 1
    assert ended.returncode == 0, ended.stderr
    content: dict[str, Any] = json.loads(ended.stdout)
    return content


def test_text_and_details(told: dict[str, Any]) -> None:
    assert told["text"]
    assert told["reason"] == "length"
    assert told["tokens"] == 17
    assert told["prefill"] > 0
    assert told["best_of_sequences"] == 1
    assert told["seed"] is not None


def test_stream(told: dict[str, Any]) -> None:
    assert told["streamed"] == told["last"] == told["text"]
    assert told["last_reason"] == "length"


def test_chat(told: dict[str, Any]) -> None:
    assert told["chat"]


def test_asynchronous_client(told: dict[str, Any]) -> None:
    assert told["asynchronous"] == [told["text"], told["text"]]


def test_errors_are_the_client_s_own(told: dict[str, Any]) -> None:
    assert [error.partition(":")[0] for error in told["errors"]] == [
        "OverloadedError",
        "ValidationError",
        "GenerationError",
        "IncompleteGenerationError",
        "ShardNotReadyError",
        "RateLimitExceededError",
        "ShardTimeoutError",
    ]
    assert told["stream_error"].startswith("GenerationError")
