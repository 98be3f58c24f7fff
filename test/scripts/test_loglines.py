import json

import click
import pytest

from scripts.loglines import AnvilLines, renderer, server_line


@pytest.mark.parametrize("line", ["", "   ", "eth_blockNumber", "eth_getLogs ", "evm_mine"])
def test_method_names_and_empty_lines_of_anvil_are_not_shown(line: str) -> None:
    assert AnvilLines()(line) is None


@pytest.mark.parametrize(
    "line",
    [
        "Listening on 127.0.0.1:8545",
        "    Transaction: 0x27b1455e5fe6f7a689f8f08ea6833bb0",
        "Error: reverted with: NotCoordinator",
    ],
)
def test_what_else_anvil_says_is_shown(line: str) -> None:
    assert AnvilLines()(line) == line


def test_only_blocks_that_hold_a_transaction_are_shown() -> None:
    def block(number: int) -> list[str]:
        return [
            "",
            f"    Block Number: {number}",
            f"    Block Hash: 0x{number:064x}",
            '    Block Time: "Tue, 24 Nov 2026 08:08:28 +0000"',
            "",
        ]

    transaction = ["eth_sendRawTransaction", "", "    Transaction: 0x65", "    Gas used: 134080"]
    show = AnvilLines()
    shown = [show(line) for line in [*block(1), *transaction, *block(2), *block(3)]]
    assert [line for line in shown if line] == [*transaction[2:], *block(2)[1:4]]


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


def test_the_nodes_name_for_the_time() -> None:
    line = json.dumps({"timestamp": "2026-11-24 08:00:00", "level": "info", "event": "listening"})
    assert server_line(line) == "2026-11-24 08:00:00 info listening"


def test_a_trace_keeps_its_lines() -> None:
    line = json.dumps({"event": "broke", "level": "info", "exception": "Traceback:\n  here"})
    assert server_line(line) == "info broke\nTraceback:\n  here"


def test_errors_are_red() -> None:
    line = json.dumps({"event": "broke", "level": "error"})
    assert server_line(line) == click.style("error broke", fg="red")


@pytest.mark.parametrize("line", ["plain words", "[1, 2]", '{"level": "info"}', "{", "12"])
def test_what_is_no_event_is_shown_as_it_is(line: str) -> None:
    assert server_line(line) == line


@pytest.mark.parametrize("name", ["anvil", "tgi", "service", "node"])
def test_no_line_commands_the_terminal(name: str) -> None:
    assert renderer(name)("a\x1b[2Jb") == "a\\x1b[2Jb"


def test_no_value_commands_the_terminal() -> None:
    shown = server_line(json.dumps({"event": "asked", "level": "info", "text": "a\x1b[2J"}))
    assert "\x1b" not in shown
