"""Log lines: key=value on a terminal, JSON elsewhere and in the file; never a secret."""

import json
import logging
import sys
from collections.abc import Sequence
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

import structlog
from pydantic_core import PydanticSerializationError, to_json
from structlog.types import EventDict, Processor, WrappedLogger

from infernet_node.config import LogConfig

# Shorter texts are no secrets, and would tear holes into harmless lines.
_SHORTEST_SECRET = 6
_HIDDEN = "[secret]"
_TIME = structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=False)
_COMMON: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    _TIME,
]


class LogFileError(Exception):
    """The log file cannot be written; names the setting."""

    code = "log_file"


def configure_logging(config: LogConfig, secrets: Sequence[str]) -> None:
    """Sends all log lines of the process to the console and to ``log.path``.

    Args:
        secrets: texts that are blotted out wherever they turn up.

    Raises:
        LogFileError: if the file cannot be opened.
    """
    hide = _Redaction(secrets)
    console = logging.StreamHandler(sys.stderr)
    terminal = sys.stderr.isatty()
    json_lines = _RenderedOnce(_formatter(_json(), hide))
    console.setFormatter(_formatter(_key_values(), hide) if terminal else json_lines)
    file = _file(config)
    file.setFormatter(json_lines)
    root = logging.getLogger()
    root.handlers = [console, file]
    root.setLevel(config.level.upper())
    # Libraries tell too much about too little at lower levels.
    for library in ("uvicorn", "aiohttp", "alembic", "sqlalchemy", "aiosqlite", "web3", "asyncio"):
        logging.getLogger(library).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_COMMON,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def _file(config: LogConfig) -> logging.Handler:
    path = Path(config.path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return RotatingFileHandler(
            path,
            maxBytes=config.max_file_size,
            backupCount=config.backup_count,
            encoding="utf-8",
        )
    except OSError as error:
        raise LogFileError(f"log.path: {path} cannot be written: {error.strerror}") from None


def _formatter(renderer: Sequence[Processor], hide: Processor) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_COMMON,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *renderer,
            hide,
        ],
    )


def _key_values() -> list[Processor]:
    # Not the default, which prints local variables: they hold keys and what callers ask.
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(pad_event_to=30, exception_formatter=plain)]


def _json() -> list[Processor]:
    return [
        structlog.processors.format_exc_info,
        _in_reading_order,
        structlog.processors.JSONRenderer(serializer=_json_line),
    ]


def _in_reading_order(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Puts what happened before what it happened to, as on the console."""
    first = {key: event.pop(key) for key in ("timestamp", "level", "event") if key in event}
    return {**first, **event}


class _RenderedOnce(logging.Formatter):
    """Lets the console and the file share one rendering, which is most of a line's cost."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self._formatter = formatter

    def format(self, record: logging.LogRecord) -> str:
        line: str | None = getattr(record, "rendered_line", None)
        if line is None:
            line = self._formatter.format(record)
            record.rendered_line = line
        return line


def _json_line(event: EventDict, **_options: Any) -> str:
    try:
        return to_json(event, bytes_mode="hex", fallback=str).decode()
    except PydanticSerializationError:
        # A text that is no Unicode, such as a file name can be.
        return json.dumps(event, default=str)


class _Redaction:
    """Replaces secrets in a finished line, whichever way they got there."""

    def __init__(self, secrets: Sequence[str]) -> None:
        # A private key appears with and without its prefix.
        bare = [secret.removeprefix("0x") for secret in secrets]
        texts = {t for s in bare if len(s) >= _SHORTEST_SECRET for t in _spellings(s)}
        # The longest first: of one that holds another, that one's end would be left.
        self._secrets = sorted(texts, key=len, reverse=True)

    def __call__(self, _logger: WrappedLogger, _method: str, line: Any) -> str:
        text = str(line)
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, _HIDDEN)
        return text


def _spellings(secret: str) -> set[str]:
    """Returns what a text becomes in a line: as it is, or escaped by JSON, by ``repr`` or by both.

    Errors are often logged by their ``repr``, which the console or JSON then quotes once more.
    """
    found = {secret}
    for _ in range(2):
        found |= {spelled for text in found for spelled in _escaped(text)}
    return found


def _escaped(text: str) -> tuple[str, ...]:
    both_quotes = "'\""  # in one text with these, repr escapes the first kind
    return (
        json.dumps(text)[1:-1],
        json.dumps(text, ensure_ascii=False)[1:-1],
        repr(text)[1:-1],
        repr(text + both_quotes)[1:-4],
    )
