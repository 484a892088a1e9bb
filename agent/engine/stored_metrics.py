"""The metrics that are read from the database: unfinished runs, the queue, and the workers' signs of life."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models import Count, Exists, Min, OuterRef
from django.utils import timezone

from agent.models import Run
from agent.runs import claiming
from agent.support import metrics, raw_sql
from agent.support.metrics import DatabaseGauge

if TYPE_CHECKING:
    from prometheus_client.core import GaugeMetricFamily


def read() -> Iterator[GaugeMetricFamily]:
    """Yields what the database says now. It reads the rows of unfinished runs and of workers alone."""
    unfinished = Run.unfinished.order_by()
    counts = dict(unfinished.values_list("status").annotate(Count("pk")))
    yield _family(metrics.RUNS, {(one,): counts.get(one, 0) for one in Run.UNFINISHED})
    earlier = Run.unfinished.filter(session=OuterRef("session"), number__lt=OuterRef("number"))
    queue = unfinished.filter(~Exists(earlier), status=Run.Status.QUEUED)
    found = queue.aggregate(number=Count("pk"), oldest=Min("created_at"))
    yield _family(metrics.QUEUED, {(): found["number"]})
    yield _family(metrics.QUEUE_AGE, {(): _age(found["oldest"])})
    yield _family(metrics.INTERRUPTED, {(): len(claiming.interrupted())})
    if settings.SAMURAI_ENGINE == "procrastinate":
        yield from _workers()


def _workers() -> Iterator[GaugeMetricFamily]:
    seen = raw_sql.column("SELECT last_heartbeat FROM procrastinate_workers")
    ages = [_age(at) for at in seen]
    silent = sum(age > settings.STALLED_AFTER for age in ages)
    yield _family(metrics.WORKERS, {("alive",): len(ages) - silent, ("silent",): silent})
    yield _family(metrics.WORKER_AGE, {(): max(ages, default=0.0)})


def _age(at: datetime | None) -> float:
    return 0.0 if at is None else max(0.0, (timezone.now() - at).total_seconds())


def _family(metric: DatabaseGauge, values: Mapping[tuple[str, ...], float]) -> GaugeMetricFamily:
    from prometheus_client.core import GaugeMetricFamily

    family = GaugeMetricFamily(metric.name, metric.text, labels=metric.labels)
    for labels, value in values.items():
        family.add_metric(labels, value)
    return family
