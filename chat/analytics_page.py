"""The pages with the analytics, of all projects and of one, and the same figures as a CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from agent.accounts.access import role_in
from agent.accounts.audit import Deed, record
from agent.analytics import report
from agent.analytics.period import MAX_DAYS, PRESETS, Period, choose, latest, zone_named
from agent.analytics.queries import Scope
from agent.analytics.report import Report
from agent.models import Project
from chat import access, analytics_tables
from chat.page_context import frame, user_of

# The time zone of the reader's browser, as `static/chat/analytics.js` keeps it.
COOKIE = "samurai_zone"


class PeriodForm(forms.Form):
    """Days from and to, or the number of the latest days."""

    days = forms.IntegerField(min_value=1, max_value=MAX_DAYS, required=False)
    first = forms.DateField(required=False, label="From")
    last = forms.DateField(required=False, label="To")

    def period(self, zone: ZoneInfo) -> Period:
        """Returns the chosen period. Raises ValueError, with a sentence for the person."""
        if not self.is_valid():
            raise ValueError("Give the days as 2026-03-31.")
        chosen = self.cleaned_data
        if chosen["days"]:
            return latest(chosen["days"], zone)
        return choose(chosen["first"], chosen["last"], zone)


@login_required
@require_GET
def of_all(request: HttpRequest) -> HttpResponse:
    access.require_analyse_all(user_of(request))
    return _page(request, None)


@login_required
@require_GET
def of_project(request: HttpRequest, project_id: UUID) -> HttpResponse:
    return _page(request, access.project_to_analyse(user_of(request), project_id))


@login_required
@require_GET
def csv_of_all(request: HttpRequest) -> HttpResponse:
    access.require_analyse_all(user_of(request))
    return _csv(request, None)


@login_required
@require_GET
def csv_of_project(request: HttpRequest, project_id: UUID) -> HttpResponse:
    return _csv(request, access.project_to_analyse(user_of(request), project_id))


def _page(request: HttpRequest, project: Project | None) -> HttpResponse:
    period, error = _period(request)
    made = report.make(_scope(period, project))
    user = user_of(request)
    viewable = access.projects(user).filter(pk__in={run.project for run in _listed(made)})
    context = {
        **frame(request, project if project and role_in(user, project) else None),
        "of": project,
        "period": period,
        "presets": PRESETS,
        "preset": period.days if period == latest(period.days, period.zone) else None,
        "error": error,
        "report": made,
        "tables": analytics_tables.of(made),
        "viewable": set(viewable.values_list("pk", flat=True)),
        "may_view_admin": access.may_analyse_all(user),
        "csv": _address_of_csv(project, period),
    }
    return render(request, "chat/analytics.html", context, status=400 if error else 200)


def _scope(period: Period, project: Project | None) -> Scope:
    return Scope(period, project.pk if project else None)


def _listed(made: Report) -> Iterator[Any]:
    yield from made.slowest
    yield from made.most_silent


def _period(request: HttpRequest) -> tuple[Period, str]:
    """Returns the period of the query, or the usual one and what is wrong with the query."""
    zone = zone_named(request.COOKIES.get(COOKIE, "")) or ZoneInfo(settings.SAMURAI_TIME_ZONE)
    try:
        return PeriodForm(request.GET).period(zone), ""
    except ValueError as error:
        return choose(None, None, zone), str(error)


def _address_of_csv(project: Project | None, period: Period) -> str:
    path = (
        reverse("project-analytics-csv", args=[project.pk]) if project else reverse("analytics-csv")
    )
    return f"{path}?first={period.first}&last={period.last}"


# -- CSV -------------------------------------------------------------------------------------------


def _csv(request: HttpRequest, project: Project | None) -> HttpResponse:
    period, error = _period(request)
    if error:
        return HttpResponse(f"{error}\n", status=400, content_type="text/plain; charset=utf-8")
    objects, key = ([project], project.pk) if project else ([], None)
    record(Deed.ANALYTICS_EXPORTED, *objects, by=user_of(request), project=key)
    text = io.StringIO()
    made = report.make(_scope(period, project)).as_json()
    csv.writer(text).writerows([("table", "row", "figure", "value"), *rows(made)])
    name = f"analytics-{period.first}-{period.last}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8", headers=headers)


def rows(made: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """Yields a line for each figure of a report: its table, its row, its name and its value."""
    for table, value in made.items():
        if isinstance(value, dict):
            yield from _cells(table, "", value.items())
        elif isinstance(value, list):
            for number, row in enumerate(value, 1):
                cells = row if isinstance(row, dict) else {"text": row}
                first = next(iter(cells))
                yield from (
                    _cells(table, str(number), cells.items())
                    if table in _NUMBERED
                    else _cells(table, cells[first], list(cells.items())[1:])
                )
        else:
            yield table, "", "", _cell(value)


# Tables whose rows have no name of their own.
_NUMBERED = ("findings", "slowest", "most_silent")


def _cells(
    table: str, row: Any, figures: Iterable[tuple[str, Any]]
) -> Iterator[tuple[str, str, str, str]]:
    for name, value in figures:
        yield table, _cell(row), name, _cell(value)


def _cell(value: Any) -> str:
    """Returns the value as text. A name that a spreadsheet would calculate is marked as text."""
    if value is None:
        return ""
    text = str(value)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return text if is_number or text[:1] not in ("=", "+", "-", "@", "\t", "\r") else f"'{text}"
