"""Log lines: their form, what they hide, how their file is rotated."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from infernet_node.config import LogConfig
from infernet_node.logs import configure_logging

KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"


@pytest.fixture(autouse=True)
def undone() -> Iterator[None]:
    """Leaves logging as other tests expect it."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_lines_of_ours_and_of_libraries_look_alike(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "logs" / "node.log"
    configure_logging(LogConfig(path=str(path)), [])
    structlog.contextvars.bind_contextvars(job_id="j-1")
    structlog.get_logger("ours").warning("Sent tx", id=7, hash=b"\xff\x01", big=2**200)
    logging.getLogger("theirs").warning("text %s", "here")
    logging.getLogger("theirs").info("kept")
    structlog.get_logger("ours").debug("not kept")

    ours, theirs, kept = lines(path)
    assert list(ours)[:3] == ["timestamp", "level", "event"]
    assert ours.pop("timestamp")
    assert ours == {
        "level": "warning",
        "event": "Sent tx",
        "id": 7,
        "hash": "ff01",
        "big": 2**200,
        "job_id": "j-1",
        "logger": "ours",
    }
    assert (theirs["event"], theirs["logger"], theirs["job_id"]) == ("text here", "theirs", "j-1")
    assert kept["level"] == "info"
    # Standard error is no terminal here: it gets the same lines.
    assert capsys.readouterr().err == path.read_text()


def test_a_terminal_gets_key_value_pairs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    configure_logging(LogConfig(path=str(tmp_path / "node.log")), [])
    structlog.get_logger("ours").info("Sent tx", id=7)

    (line,) = capsys.readouterr().err.splitlines()
    assert "Sent tx" in line
    assert line.index("Sent tx") < line.index("id")
    assert not line.startswith("{")


@pytest.mark.parametrize("terminal", [True, False])
def test_w_45_secrets_are_blotted_out_wherever_they_are(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    terminal: bool,
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    path = tmp_path / "node.log"
    configure_logging(LogConfig(path=str(path)), [KEY, "p4ssword", "abc"])
    log = structlog.get_logger("ours")
    log.warning(f"event {KEY}", field=KEY[2:], nested={"a": ["p4ssword"]}, short="abc")
    try:
        hidden_local = "local-variable"
        raise ValueError(f"bad p4ssword {len(hidden_local)}")
    except ValueError:
        log.exception("failed")

    for text in (path.read_text(), capsys.readouterr().err):
        assert KEY[2:] not in text
        assert "p4ssword" not in text
        assert "local-variable'" not in text
        assert "[secret]" in text
        assert "ValueError" in text
        assert "abc" in text  # too short to be one


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize(
    "secret", ['qu"ote\\S3CR', "tab\tS3CR", "schlüsS3CR", "apo's\"S3CR", "apo'S3CR"]
)
def test_secrets_are_hidden_however_a_line_spells_them(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    terminal: bool,
    secret: str,
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    path = tmp_path / "node.log"
    configure_logging(LogConfig(path=str(path)), [secret])
    quoted = repr(ValueError(secret))
    structlog.get_logger("ours").warning("event", field=secret, within=[secret], quoted=quoted)

    for text in (path.read_text(), capsys.readouterr().err):
        assert text.count("[secret]") == 3
        assert "S3CR" not in text


def test_a_secret_within_another_does_not_give_the_rest_away(tmp_path: Path) -> None:
    path = tmp_path / "node.log"
    configure_logging(LogConfig(path=str(path)), ["token-1", "token-1-of-another"])
    structlog.get_logger("ours").warning("event", field="token-1-of-another")
    assert lines(path)[0]["field"] == "[secret]"


def test_a_line_that_is_no_unicode_is_written_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "node.log"
    configure_logging(LogConfig(path=str(path)), ["schlüssel"])
    structlog.get_logger("ours").info("file", name="\udcff", key="schlüssel")
    assert lines(path)[0] | {"event": "file", "key": "[secret]"} == lines(path)[0]


def test_the_file_is_rotated(tmp_path: Path) -> None:
    path = tmp_path / "node.log"
    configure_logging(LogConfig(path=str(path), max_file_size=300, backup_count=2), [])
    for n in range(20):
        structlog.get_logger("ours").info("line", n=n)

    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "node.log",
        "node.log.1",
        "node.log.2",
    ]
    assert lines(path)[-1]["n"] == 19


def test_the_level_is_a_setting(tmp_path: Path) -> None:
    path = tmp_path / "node.log"
    configure_logging(LogConfig(path=str(path), level="error"), [])
    structlog.get_logger("ours").warning("not kept")
    structlog.get_logger("ours").error("kept")
    assert [line["event"] for line in lines(path)] == ["kept"]
