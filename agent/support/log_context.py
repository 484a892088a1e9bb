"""Which request and which run the current code works for, so that each line of the log can name them.

In context variables: tasks inherit them, and `database.call` and the event log pass them to their threads.
"""

from __future__ import annotations

import logging
import re
from contextvars import ContextVar
from uuid import uuid4

_GIVEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

request_id: ContextVar[str] = ContextVar("request_id", default="")
# The `traceparent` of the request, by the W3C's Trace Context, or "".
traceparent: ContextVar[str] = ContextVar("traceparent", default="")
_run: ContextVar[tuple[str, str]] = ContextVar("run", default=("", ""))  # and its session


def checked_request_id(given: str) -> str:
    """Returns the id that a client or a proxy gave, or a new one if that is not valid."""
    return given if _GIVEN.fullmatch(given) else uuid4().hex


def work_for(run: object, session: object, request: str) -> None:
    """Has the lines of this context name the run, its session and the request that it came with."""
    _run.set((str(run), str(session)))
    request_id.set(request)


class IdsFilter(logging.Filter):
    """Adds `run`, `session` and `request` to each record; "" where there is none."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.run, record.session = _run.get()
        record.request_id = request_id.get()
        return True
