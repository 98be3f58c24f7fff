import json

import click
import pytest

from scripts.loglines import RENDER, anvil_line, server_line


@pytest.mark.parametrize("line", ["", "   ", "eth_blockNumber", "eth_getLogs ", "evm_mine"])
def test_method_names_and_empty_lines_of_anvil_are_not_shown(line: str) -> None:
    assert anvil_line(line) is None


@pytest.mark.parametrize(
    "line",
    [
        "    Block Number: 4",
        "Listening on 127.0.0.1:8545",
        "    Transaction: 0x27b1455e5fe6f7a689f8f08ea6833bb0",
        "Error: reverted with: NotCoordinator",
    ],
)
def test_what_else_anvil_says_is_shown(line: str) -> None:
    assert anvil_line(line) == line


def test_a_json_line_becomes_time_level_event_and_pairs() -> None:
    line = json.dumps(
        {
            "job_id": "7",
            "text": "one two",
            "seconds": 0.5,
            "empty": "",
            "ok": True,
            "event": "job_finished",
            "level": "info",
            "logger": "tgi_service.jobs",
            "pid": 12,
            "time": "2026-11-24T08:00:00.123Z",
        }
    )
    assert server_line(line) == (
        "2026-11-24T08:00:00.123Z info job_finished "
        'job_id=7 text="one two" seconds=0.5 empty="" ok=true'
    )


def test_a_trace_keeps_its_lines() -> None:
    line = json.dumps({"event": "broke", "level": "info", "exception": "Traceback:\n  here"})
    assert server_line(line) == "info broke\nTraceback:\n  here"


def test_errors_are_red() -> None:
    line = json.dumps({"event": "broke", "level": "error"})
    assert server_line(line) == click.style("error broke", fg="red")


@pytest.mark.parametrize("line", ["plain words", "[1, 2]", '{"level": "info"}', "{", "12"])
def test_what_is_no_event_is_shown_as_it_is(line: str) -> None:
    assert server_line(line) == line


@pytest.mark.parametrize("name", sorted(RENDER))
def test_no_line_commands_the_terminal(name: str) -> None:
    assert RENDER[name]("a\x1b[2Jb") == "a\\x1b[2Jb"


def test_no_value_commands_the_terminal() -> None:
    shown = server_line(json.dumps({"event": "asked", "level": "info", "text": "a\x1b[2J"}))
    assert "\x1b" not in shown
