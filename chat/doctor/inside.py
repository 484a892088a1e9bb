"""Checks of the parts of the site, with the settings and the rights of this process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from django.conf import settings
from django.core import checks as django_checks
from django.db import connection
from django.utils import timezone

from agent.engine import sweep
from agent.llm import checking
from agent.llm.factory import has_server
from agent.models import Run
from agent.support import raw_sql
from agent.support.database_probe import DatabaseProbe
from chat.doctor import storage
from chat.doctor.findings import Check, Finding, error, ok, unknown, warning
from chat.doctor.site import Site

MODEL_SECONDS = 20.0  # for the two calls that try the model
TAKEN_SECONDS = 5.0  # for which a worker may let a job wait
WAITS_LONG = timedelta(seconds=10)  # for a run that nobody executes: the sweep looks every two
# Seconds that clocks may differ: leases of ten seconds are compared with the clock of each machine.
FEW_SECONDS, MANY_SECONDS = 2.0, 5.0
# Told by the checks from outside, or the matter of the proxy.
_LEFT_OUT = {f"security.{name}" for name in ("W004", "W012", "W016")}


def checks(site: Site) -> list[Check]:
    return [
        Check("database", database),
        Check("clock", lambda: clock(site)),
        Check("redis", redis),
        Check("engine", engine),
        Check("queue", queue),
        Check("model", model),
        Check("disk", storage.disk),
        Check("backup", storage.backup),
        Check("permissions", storage.permissions),
        Check("deploy", deploy),
    ]


def database() -> Iterator[Finding]:
    probe = DatabaseProbe()
    problem, _ = probe.look()
    probe.close()
    if problem == "not_migrated":
        text = "Migrations of this version are missing in the database."
        yield error("database", text, "Run manage.py migrate.")
    elif problem:
        text = "The database cannot be reached with the settings of this command."
        yield error("database", text, "Start it, and compare DATABASE_URL with its address.")
    else:
        yield ok("database", "The database is reachable and migrated.")


def clock(site: Site) -> Iterator[Finding]:
    """Compares the clock of this machine with that of the database and of the site."""
    if connection.vendor == "postgresql":
        before = datetime.now(UTC)
        (now,) = raw_sql.column("SELECT clock_timestamp()")
        yield _difference("the database", (now - before).total_seconds())
    date = site.get("/healthz").headers["Date"]
    if date is None:
        text = "The site sends no Date, so its clock is not known."
        yield unknown("clock", text, "Have the proxy send the header Date.")
    else:
        # A Date has no fractions of a second.
        now = parsedate_to_datetime(date) + timedelta(seconds=0.5)
        yield _difference("the site", (now - datetime.now(UTC)).total_seconds())


def _difference(whose: str, seconds: float) -> Finding:
    text = f"The clock of {whose} differs from this machine's by {abs(seconds):.1f} s."
    remedy = "Set the clocks by NTP, for example with systemd-timesyncd."
    if abs(seconds) > MANY_SECONDS:
        return error("clock", text, remedy)
    return warning("clock", text, remedy) if abs(seconds) > FEW_SECONDS else ok("clock", text)


def redis() -> Iterator[Finding]:
    if not settings.REDIS_URL:
        yield ok("redis", "No Redis is configured; one server process needs none.")
        return
    from redis import Redis
    from redis.exceptions import RedisError

    limits = {"socket_timeout": 2.0, "socket_connect_timeout": 2.0}
    began = time.monotonic()
    try:
        with Redis.from_url(settings.REDIS_URL, **limits) as client:
            client.ping()
    except (RedisError, OSError) as failure:
        text = f"Redis does not answer ({type(failure).__name__}): events arrive seconds late."
        yield error("redis", text, "Start it, and compare REDIS_URL with its address.")
    else:
        yield ok("redis", f"Redis answers in {(time.monotonic() - began) * 1000:.0f} ms.")


def engine() -> Iterator[Finding]:
    """Of workers; the engine of a server process is told by `/readyz`."""
    if settings.SAMURAI_ENGINE != "procrastinate":
        yield ok(
            "engine", "The server process executes runs itself; /readyz tells whether it does."
        )
        return
    from agent.engine.procrastinate import is_taken

    began = time.monotonic()
    is_alive = _workers_alive()
    if is_taken(TAKEN_SECONDS):
        yield ok("engine", f"A worker took a job within {time.monotonic() - began:.1f} s.")
    elif is_alive:
        text = f"Workers live, but none took a job within {TAKEN_SECONDS:.0f} s."
        remedy = "Start another worker for the queue “runs”, or raise SAMURAI_MAX_ACTIVE_RUNS."
        yield warning("engine", text, remedy)
    else:
        text = "No worker gives a sign of life, so no run is executed."
        yield error("engine", text, "Start a worker: manage.py procrastinate worker.")


def _workers_alive() -> bool:
    query = "SELECT 1 FROM procrastinate_workers WHERE last_heartbeat > %s LIMIT 1"
    since = timezone.now() - timedelta(seconds=settings.STALLED_AFTER)
    return bool(raw_sql.column(query, since))


def queue() -> Iterator[Finding]:
    """Tells how long runs wait that could be executed now."""
    waiting = Run.unfinished.filter(
        session__in=sweep.pending_sessions(), status__in=[Run.Status.QUEUED, Run.Status.RUNNING]
    )
    first = waiting.order_by("created_at").values_list("created_at", flat=True).first()
    age = timezone.now() - first if first else timedelta()
    if first is None or age < WAITS_LONG:
        yield ok("queue", "No run waits longer than a moment before it starts.")
        return
    held = Run.unfinished.filter(status=Run.Status.RUNNING, lease_until__gt=timezone.now()).count()
    text = f"{waiting.count()} runs wait, the first one for {age.total_seconds():,.0f} s"
    if held:
        text = f"{text}; {held} are executed."
        remedy = "Start another worker, or raise SAMURAI_MAX_ACTIVE_RUNS."
        yield warning("queue", text, remedy)
    else:
        text = f"{text}, and none is executed."
        yield error("queue", text, "Start the server or a worker, and read its log.")


def model() -> Iterator[Finding]:
    """Calls the connected model twice, as `check_model` does."""
    if not has_server():
        yield ok("model", "No model is connected; the offline model answers.")
        return
    try:
        found = asyncio.run(asyncio.wait_for(checking.check(), MODEL_SECONDS))
    except TimeoutError:
        text = f"The model did not answer two calls within {MODEL_SECONDS:.0f} s."
        yield warning("model", text, "Try manage.py check_model, which waits longer.")
        return
    told = {one.name: one.text for one in found}
    bad = [one for one in found if one.is_good is False]
    for one in bad:
        text = f"{told['Model']} at {told['Server']}: {one.name.lower()} failed: {one.text}"
        yield error("model", text, "Run manage.py check_model; docs/models.md has the errors.")
    if not bad:
        yield ok("model", f"{told['Model']} at {told['Server']} answers.")


def deploy() -> Iterator[Finding]:
    """Tells what `manage.py check --deploy` finds."""
    found = django_checks.run_checks(include_deployment_checks=True)
    told = [one for one in found if one.id not in _LEFT_OUT and not one.is_silenced()]
    for one in told:
        make = error if one.level >= django_checks.ERROR else warning
        sentence = str(one.msg).split(". ")[0].rstrip(".")
        yield make("deploy", f"{sentence} ({one.id}).", one.hint or "Run manage.py check --deploy.")
    if not told:
        yield ok("deploy", "manage.py check --deploy finds nothing.")
