"""Logs: one line per event, a stable event name and fields.

``key=value`` on a terminal, JSON otherwise. Modules log with the event's name as message and
:func:`fields` as ``extra``.
"""

import json
import logging
import sys
import time
from collections.abc import Mapping
from typing import Any, TextIO

_ATTRIBUTE = "service_fields"


def fields(**values: Any) -> dict[str, Any]:
    """Returns the ``extra`` argument for a log call; ``None`` values are left out."""
    return {_ATTRIBUTE: {name: value for name, value in values.items() if value is not None}}


def configure(stream: TextIO = sys.stderr) -> None:
    """Sends all logs to a stream, in the form that suits it."""
    output = logging.StreamHandler(stream)
    output.setFormatter(KeyValueFormatter() if stream.isatty() else JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [output]
    root.setLevel(logging.INFO)
    # A line for each request to TGI, with its URL, would say nothing that ours do not.
    logging.getLogger("httpx").setLevel(logging.WARNING)


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(_content(self, record), ensure_ascii=False, default=str)


class KeyValueFormatter(logging.Formatter):
    """Time, level and event, then ``key=value`` pairs."""

    def format(self, record: logging.LogRecord) -> str:
        content = _content(self, record)
        line = f"{content.pop('time')} {content.pop('level'):8} {content.pop('event')}"
        trace = content.pop("exception", None)
        pairs = "".join(f" {name}={_quoted(value)}" for name, value in content.items())
        return line + pairs + (f"\n{trace}" if trace else "")


def _content(formatter: logging.Formatter, record: logging.LogRecord) -> dict[str, Any]:
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    own: Mapping[str, Any] = getattr(record, _ATTRIBUTE, {})
    content = {
        "time": f"{moment}.{int(record.msecs):03d}Z",
        "level": record.levelname.lower(),
        "event": record.getMessage(),
        "logger": record.name,
        "pid": record.process,
        **own,
    }
    if record.exc_info:
        content["exception"] = formatter.formatException(record.exc_info)
    return content


def _quoted(value: Any) -> str:
    text = str(value)
    return (
        json.dumps(text, ensure_ascii=False) if not text or set(text) & set(' "=\n\r\t') else text
    )
