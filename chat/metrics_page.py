"""The numbers of this machine for Prometheus. Whoever may not read them gets what an unknown address gets."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.csrf import csrf_exempt

from agent.engine import stored_metrics
from agent.support import database, metric_files

if TYPE_CHECKING:
    from prometheus_client import Metric

logger = logging.getLogger(__name__)


@csrf_exempt  # for the same response to every method
def metrics(request: HttpRequest) -> HttpResponse:
    if request.method not in ("GET", "HEAD") or not _may_read(request):
        raise Http404
    from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

    return HttpResponse(generate_latest(_Machine()), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _may_read(request: HttpRequest) -> bool:
    if not settings.SAMURAI_METRICS_TOKEN:
        return False  # nothing is measured
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind == "Bearer":
        return constant_time_compare(token, settings.SAMURAI_METRICS_TOKEN)
    return isinstance(request.user, User) and request.user.is_staff


class _Machine:
    """What prometheus_client calls a registry."""

    def collect(self) -> Iterator[Metric]:
        yield from metric_files.collect()
        try:
            stored = list(stored_metrics.read())
        except database.CONNECTION_ERRORS:
            logger.warning("The database is away: only the numbers of the processes are told")
            return
        yield from stored
