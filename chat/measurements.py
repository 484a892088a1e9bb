"""What session pages measure of themselves: numbers alone, of a few pages, once a minute at most."""

from __future__ import annotations

import random
import threading
import time
from collections import OrderedDict
from typing import Annotated

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.exceptions import Refused
from agent.support import metrics
from agent.support.token_bucket import TokenBucket
from chat import strict_json

MAX_BYTES = 2_048
MAX_VALUES = 20  # of a kind, as in static/chat/transport/measuring.js
# Reports of one user at once and a second, and likewise of all users of this process.
BURST, RATE = 5, 1 / 20
BURST_OF_ALL, RATE_OF_ALL = 100, 5.0
MAX_USERS = 1_000  # whose reports are counted; others begin anew

Milliseconds = Annotated[float, Field(ge=0, le=600_000, strict=True)]
Times = Annotated[list[Milliseconds], Field(max_length=MAX_VALUES, fail_fast=True)]
Number = Annotated[int, Field(ge=0, le=1_000, strict=True)]


class Report(BaseModel):
    """All times in milliseconds. `silence`: None if no run was at work."""

    model_config = ConfigDict(extra="forbid")

    paints: Times = []
    tasks: Times = []
    silence: Milliseconds | None = None
    sse: Number = 0
    polling: Number = 0


def is_wanted() -> bool:
    """Decides whether a page measures: that of SAMURAI_METRICS_PAGES percent."""
    return metrics.are_measured() and random.random() * 100 < settings.SAMURAI_METRICS_PAGES


def report(request: HttpRequest) -> HttpResponse:
    """Takes the report of a page. It has no response that a page could show: nobody waits for it."""
    if request.method != "POST" or not request.user.is_authenticated or not _is_measured():
        raise Http404
    if not _reports.take(request.user.pk):
        return HttpResponse(status=429)
    try:
        found = _read(request)
    except (Refused, ValidationError):
        return HttpResponse(status=400)
    _keep(found)
    return HttpResponse(status=204)


def _is_measured() -> bool:
    return metrics.are_measured() and settings.SAMURAI_METRICS_PAGES > 0


def _read(request: HttpRequest) -> Report:
    if len(request.body) > MAX_BYTES:
        raise Refused("too_large", "The report is too large.")
    try:
        return Report.model_validate(strict_json.read(request.body.decode()))
    except UnicodeDecodeError:
        raise Refused("invalid_json", "The report is not UTF-8.") from None


def _keep(found: Report) -> None:
    metrics.PAGE_REPORTS.add()
    for took in found.paints:
        metrics.PAGE_PAINT_SECONDS.observe(took / 1000)
    for took in found.tasks:
        metrics.PAGE_TASK_SECONDS.observe(took / 1000)
    if found.silence is not None:
        metrics.PAGE_SILENCE_SECONDS.observe(found.silence / 1000)
    for transport, number in (("sse", found.sse), ("polling", found.polling)):
        metrics.PAGE_FALLBACKS.add(transport, amount=number)


class _Reports:
    """Limits how many reports are read."""

    def __init__(self) -> None:
        self._all = TokenBucket(burst=BURST_OF_ALL, rate=RATE_OF_ALL, now=time.monotonic())
        self._of_user: OrderedDict[int, TokenBucket] = OrderedDict()
        self._one_at_a_time = threading.Lock()

    def take(self, user: int) -> bool:
        now = time.monotonic()
        with self._one_at_a_time:
            own = self._of_user.pop(user, None) or TokenBucket(burst=BURST, rate=RATE, now=now)
            self._of_user[user] = own
            if len(self._of_user) > MAX_USERS:
                self._of_user.popitem(last=False)
            return own.take(now) and self._all.take(now)


_reports = _Reports()
