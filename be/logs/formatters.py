"""The two formats of the log, chosen by `LOG_FORMAT`: text for people, JSON for log collectors.

Both have the time in UTC, the level, the logger, the request id, the message, and the fields of the
record (be/logs/events.py).
"""

import json
import logging
from datetime import UTC, datetime
from typing import Any

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.msgspec import MsgspecFormatter

from be.kernel.formats import time_text

# What Django adds to its records. It is left out: the message has it, or it is no plain value.
_DJANGO_FIELDS = ("request", "status_code", "duration", "sql", "params", "alias")


class TextFormatter(logging.Formatter):
    """`2026-03-02T15:00:00.000000Z INFO brokerpro.events [4f…] signed in user_id=… session_id=…`"""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname} {name} [{request_id}] {message}", style="{")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        return _time(record)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        fields = getattr(record, "fields", {})
        message = _one_line(super().formatMessage(record))
        return " ".join([message, *(f"{name}={_one_word(fields[name])}" for name in fields)])


class JSONFormatter(MsgspecFormatter):
    """One object a line: time, level, logger, request_id, message, then the fields."""

    def __init__(self) -> None:
        super().__init__(
            ["asctime", "levelname", "name", "request_id", "message"],
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
            reserved_attrs=[*RESERVED_ATTRS, *_DJANGO_FIELDS],
        )

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        return _time(record)

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        fields = log_data.pop("fields", {})
        return {**log_data, **fields}


def _one_line(text: str) -> str:
    """Without line ends and other controls, by which a client's words could pass for a line."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def _one_word(value: object) -> str:
    """A value that can't be read as several fields: in quotation marks where it has blanks."""
    text = str(value)
    if text.isprintable() and " " not in text and '"' not in text:
        return text
    return json.dumps(text)


def _time(record: logging.LogRecord) -> str:
    return time_text(datetime.fromtimestamp(record.created, UTC))
