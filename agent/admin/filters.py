"""Filters of the admin's lists. Each needs at most one short query for its choices."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import User
from django.db import models
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest

from agent.admin.base import BoundedPaginator, ChoiceFilter
from agent.models import Memory, Project, Run
from agent.runs import waiting

MAX_CHOICES = 30  # people find further rows by search
MAX_READ = 1000  # latest memories whose categories are offered


class LimitedChoicesFilter(admin.SimpleListFilter):
    """A filter by a related row. Offers the first `MAX_CHOICES` rows and the selected row."""

    def rows(self) -> QuerySet[Any]:
        raise NotImplementedError

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        choices = {str(row.pk): str(row) for row in self.rows()[:MAX_CHOICES]}
        selected = str(self.used_parameters.get(str(self.parameter_name)) or "")
        if selected and selected not in choices:
            choices |= {str(row.pk): str(row) for row in self._with_key(selected)}
        return list(choices.items())

    def _with_key(self, key: str) -> QuerySet[Any]:
        rows = self.rows()
        try:
            rows.model._meta.pk.to_python(key)
        except Exception:  # noqa: BLE001  (each field type raises its own error for an invalid key)
            return rows.none()
        return rows.filter(pk=key)

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        value = self.value()
        if value is None:
            return queryset
        if value not in {key for key, _ in self.lookup_choices}:
            return queryset.none()
        return queryset.filter(**{str(self.parameter_name): value})


class ProjectFilter(LimitedChoicesFilter):
    title = "project"
    parameter_name = "project__id__exact"

    def rows(self) -> QuerySet[Any]:
        return Project.objects.order_by("-created_at")


class PersonFilter(LimitedChoicesFilter):
    title = "person"
    parameter_name = "created_by__id__exact"

    def rows(self) -> QuerySet[Any]:
        return User.objects.order_by("username")


class AssigneeFilter(PersonFilter):
    title = "assignee"
    parameter_name = "assignee__id__exact"


def _these(queryset: Any, few: QuerySet[Run]) -> Any:
    """Returns those of `few`, which an index finds, among the runs of the list.

    Not by a condition or a subquery: the database would look through all runs in the order of the list.
    """
    found = few.order_by().values_list("pk", flat=True)
    return queryset.filter(pk__in=list(found[: BoundedPaginator.LIMIT]))


class StatusFilter(ChoiceFilter):
    title = "status"
    parameter_name = "status"
    options: Sequence[tuple[str, str]] = [
        (str(value), str(label)) for value, label in Run.Status.choices
    ]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        value = self.value()
        if value in Run.UNFINISHED:
            return _these(queryset, Run.unfinished.filter(status=value))
        return super().queryset(request, queryset)


class WaitsForFilter(PersonFilter):
    title = "waits for"
    parameter_name = "waits_for"

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        value = self.value()
        if value is None:
            return queryset
        user = self._with_key(value).first()
        if user is None:
            return queryset.none()
        return _these(queryset, waiting.runs_for(user))


class OutcomeFilter(ChoiceFilter):
    title = "outcome"
    parameter_name = "outcome"
    options = [("answered", "Answered"), ("failed", "Failed")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        match self.value():
            case "answered":
                return queryset.filter(error="")
            case "failed":
                return queryset.exclude(error="")
        return queryset


def latest_status() -> Subquery:
    """Returns the status of a session's latest run, found by the index on session and number."""
    runs = Run.objects.filter(session=OuterRef("pk")).order_by("-number")
    return Subquery(runs.values("status")[:1], output_field=models.CharField())


class LatestStatusFilter(ChoiceFilter):
    title = "latest run"
    parameter_name = "latest"
    options: Sequence[tuple[str, str]] = [
        (str(value), str(label)) for value, label in Run.Status.choices
    ]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        value = self.value()
        if not value:
            return queryset
        return queryset.alias(latest_status=latest_status()).filter(latest_status=value)


class CategoryFilter(admin.SimpleListFilter):
    title = "category"
    parameter_name = "category__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        latest = Memory.objects.order_by("-updated_at").values_list("category", flat=True)
        names = sorted(set(latest[:MAX_READ]) - {""})
        return [(name, name) for name in names[:MAX_CHOICES]]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(category=self.value()) if self.value() else queryset
