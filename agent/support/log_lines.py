"""The formats of the log: JSON, one line for each record, and text for people.

Without `texts`, no line has what people, models or tools wrote: of an error, only its type and place are
told, and of an address, neither its query nor a secret in its path. What another package logs in its own
words is not looked through.
"""

from __future__ import annotations

import json
import logging
import os
import re
import traceback
from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import DataError, Error, IntegrityError, ProgrammingError

_SECRET_PATH = re.compile(r"(/sign-in/|/accounts/reset/|/accounts/e-mail/confirm/)[^/?\s]+")
_QUERY = re.compile(r"\?\S*")
# These loggers have the addresses of requests among the arguments.
_OF_REQUESTS = ("django.", "uvicorn.", "daphne.")
_IDS = {"run": "run", "session": "session", "request_id": "request"}


class RefusalFilter(logging.Filter):
    """Takes the traceback from the lines of requests that were refused: it is no fault of the program."""

    def filter(self, record: logging.LogRecord) -> bool:
        if getattr(record, "status_code", 500) < 500:
            record.exc_info = record.exc_text = None
        return True


class SocketFilter(logging.Filter):
    """Drops Uvicorn's lines of single WebSockets, which it writes into the log of errors."""

    def filter(self, record: logging.LogRecord) -> bool:
        folder = os.path.basename(os.path.dirname(record.pathname))
        return record.levelno > logging.INFO or folder != "websockets"


def has_access_log() -> bool:
    """Tells whether Uvicorn, if it runs, was started without `--no-access-log`, which takes its handlers."""
    log = logging.getLogger("uvicorn.access")
    return log.propagate or bool(log.handlers)


class _Formatter(logging.Formatter):
    def __init__(self, texts: bool = False) -> None:
        super().__init__()
        self._texts = texts

    def _message(self, record: logging.LogRecord) -> str:
        if self._texts:
            return record.getMessage()
        if record.name == "asyncio":
            # Further lines describe tasks, with the texts of their errors, and parentheses have arguments.
            return record.getMessage().partition("\n")[0].partition("(")[0]
        is_of_request = record.name.startswith(_OF_REQUESTS)
        args: Any = record.args
        if isinstance(args, tuple):
            args = tuple(_without_text(arg, is_of_request) for arg in args)
        elif isinstance(args, dict):
            args = {name: _without_text(arg, is_of_request) for name, arg in args.items()}
        message = str(record.msg)
        if is_of_request:
            message = _without_secrets(message)
        return message % args if args else message

    def _error_text(self, error: BaseException) -> str:
        return str(error) if self._texts else safe_text(error)


class JsonFormatter(_Formatter):
    """One JSON object for each record, without a line break."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname,
            "logger": record.name,
            "message": self._message(record),
        }
        line |= {name: value for key, name in _IDS.items() if (value := getattr(record, key, ""))}
        if audit := getattr(record, "audit", None):
            line["audit"] = audit
        line |= {"process": record.process, "thread": record.threadName}
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = self._error(record.exc_info[1], set())
        return json.dumps(line, default=str)

    def _error(self, error: BaseException, known: set[int]) -> dict[str, Any]:
        known.add(id(error))
        told: dict[str, Any] = {"type": _name(error)}
        if text := self._error_text(error):
            told["text"] = text
        frames = traceback.extract_tb(error.__traceback__)
        told["frames"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
        if isinstance(error, BaseExceptionGroup):
            told["errors"] = [self._error(one, known) for one in error.exceptions]
        before = _cause(error)
        if before is not None and id(before) not in known:
            told["cause"] = self._error(before, known)
        return told


class TextFormatter(_Formatter):
    """A line, with the ids at its end, and a traceback below it as Python prints it."""

    def format(self, record: logging.LogRecord) -> str:
        ids = [
            f"{name}={value}" for key, name in _IDS.items() if (value := getattr(record, key, ""))
        ]
        where = f" [{' '.join(ids)}]" if ids else ""
        head = f"{self.formatTime(record)} {record.levelname} {record.name}: "
        lines = [head + self._message(record) + where]
        if record.exc_info and record.exc_info[1] is not None:
            lines += self._traceback(record.exc_info[1], set())
        return "\n".join(lines)

    def _traceback(self, error: BaseException, known: set[int]) -> list[str]:
        known.add(id(error))
        before, lines = _cause(error), []
        if before is not None and id(before) not in known:
            lines = [*self._traceback(before, known), "", "Then:", ""]
        frames = traceback.format_tb(error.__traceback__)
        lines += ["Traceback (most recent call last):", "".join(frames).rstrip("\n")]
        text = self._error_text(error)
        lines.append(f"{_name(error)}: {text}" if text else _name(error))
        if isinstance(error, BaseExceptionGroup):
            for one in error.exceptions:
                lines += self._traceback(one, known)
        return lines


def safe_text(error: BaseException) -> str:
    """Returns what an error says if no text of a person, a model or a tool can be in it, or ""."""
    if isinstance(error, ImproperlyConfigured):
        return str(error)
    if isinstance(error, OSError):
        return error.strerror or ""
    is_of_rows = isinstance(error, IntegrityError | DataError | ProgrammingError)
    if isinstance(error, Error) and not is_of_rows:  # such as an outage
        return str(error).partition("\n")[0]
    return str(error) if type(error).__module__ == "redis.exceptions" else ""


def _without_text(arg: Any, is_of_request: bool) -> Any:
    if isinstance(arg, BaseException):
        text = safe_text(arg)
        return f"{_name(arg)}: {text}" if text else _name(arg)
    return _without_secrets(arg) if is_of_request and isinstance(arg, str) else arg


def _without_secrets(text: str) -> str:
    return _SECRET_PATH.sub(r"\1…", _QUERY.sub("", text))


def _name(error: BaseException) -> str:
    kind = type(error)
    return (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )


def _cause(error: BaseException) -> BaseException | None:
    if error.__cause__ is not None or error.__suppress_context__:
        return error.__cause__
    return error.__context__


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
