"""Filters of the admin whose choices cost one short query at most."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import User
from django.db import models
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest

from agent.admin.base import ChoiceFilter
from agent.models import Memory, Project, Run

MOST = 30  # choices; what is not among them is found by the search


class LimitedChoicesFilter(admin.SimpleListFilter):
    """The first of maybe many rows, and the one that is chosen."""

    def rows(self) -> QuerySet[Any]:
        raise NotImplementedError

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        found = {str(row.pk): str(row) for row in self.rows()[:MOST]}
        chosen = str(self.used_parameters.get(str(self.parameter_name)) or "")
        if chosen and chosen not in found:
            found |= {str(row.pk): str(row) for row in self._of_key(chosen)}
        return list(found.items())

    def _of_key(self, key: str) -> QuerySet[Any]:
        rows = self.rows()
        try:
            rows.model._meta.pk.to_python(key)
        except Exception:  # noqa: BLE001  (each field raises its own for what is no key)
            return rows.none()
        return rows.filter(pk=key)

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        value = self.value()
        if value is None:
            return queryset
        known = {key for key, _ in self.lookup_choices}
        return (
            queryset.filter(**{str(self.parameter_name): value})
            if value in known
            else queryset.none()
        )


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


def latest_status() -> Subquery:
    """Returns the status of a session's latest run, by the index that its runs are numbered in."""
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
        return queryset.alias(its=latest_status()).filter(its=value) if value else queryset


class CategoryFilter(admin.SimpleListFilter):
    title = "category"
    parameter_name = "category__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        named = Memory.objects.exclude(category="").order_by("category")
        found = named.values_list("category", flat=True).distinct()[:MOST]
        return [(name, name) for name in found]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(category=self.value()) if self.value() else queryset
