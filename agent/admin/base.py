"""What the admin's pages share: quick lists, rows that are only looked at, deletion by counting."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib import admin
from django.core.paginator import Paginator
from django.db import models, router
from django.db.models.deletion import Collector
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString

from agent.support.durations import duration

if TYPE_CHECKING:
    AnyPaginator = Paginator[Any]
    FormSet = BaseInlineFormSet[Any, Any, Any]
    ModelAdmin = admin.ModelAdmin[Any]
    TabularInline = admin.TabularInline[Any, Any]
else:
    AnyPaginator = Paginator
    FormSet = BaseInlineFormSet
    ModelAdmin = admin.ModelAdmin
    TabularInline = admin.TabularInline


class BoundedPaginator(AnyPaginator):
    """Counts no further than people turn pages: behind that, a filter or the search finds a row."""

    MOST = 10_000

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[: self.MOST].count())


class LargeTableAdmin(ModelAdmin):
    """A list that stays quick when its table is long."""

    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # a count of the whole table for each choice
    list_per_page = 50
    paginator = BoundedPaginator


class AgentRecordAdmin(LargeTableAdmin):
    """Rows that only the agent makes. They go with what they belong to, not one by one."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Asked for here and, when a page deletes something that these rows belong to, from there.
        if self._is_own_page(request):
            return False
        return super().has_delete_permission(request, obj)

    def _is_own_page(self, request: HttpRequest) -> bool:
        page = request.resolver_match.url_name if request.resolver_match else None
        return page is None or page.startswith(f"{self.opts.app_label}_{self.opts.model_name}_")


class ReadOnlyAdmin(AgentRecordAdmin):
    """Such rows that are looked at and never edited."""

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


# Rows shown on the page of what they belong to; the list has them all.
LATEST = 50


class LatestFormSet(FormSet):
    """Cuts off a long history: a session may have thousands of runs."""

    _latest: Any = None

    def get_queryset(self) -> Any:
        if self._latest is None:  # kept: each form asks for it
            self._latest = super().get_queryset()[:LATEST]
        return self._latest


class ReadOnlyInline(TabularInline):
    """The latest of such rows on the page of what they belong to."""

    extra = 0
    can_delete = False
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class CountedDeletion(ModelAdmin):
    """Says how much a deletion takes along, instead of listing each of maybe 100,000 events."""

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        collector = Collector(using=router.db_for_write(self.model), origin=objs)
        collector.collect(objs)
        counts = _counts(collector)
        forbidden = {
            str(model._meta.verbose_name)
            for model in counts
            if not model._meta.auto_created
            and not request.user.has_perm(
                f"{model._meta.app_label}.delete_{model._meta.model_name}"
            )
        }
        named = {str(model._meta.verbose_name_plural): count for model, count in counts.items()}
        return [str(obj) for obj in objs], named, forbidden, []


def _counts(collector: Collector) -> dict[type[models.Model], int]:
    counts = {model: len(rows) for model, rows in collector.data.items()}
    # Rows that are reached in two ways, an event by its session and its run, are there twice.
    keys: dict[type[models.Model], set[Any]] = {}
    for rows in collector.fast_deletes:
        keys.setdefault(rows.model, set()).update(rows.values_list("pk", flat=True))
    counts.update((model, len(found)) for model, found in keys.items() if found)
    return counts


class ChoiceFilter(admin.SimpleListFilter):
    """A filter whose choices are known, so that no query has to find them."""

    options: Sequence[tuple[str, str]] = ()

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return self.options

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        value = self.value()
        return queryset.filter(**{str(self.parameter_name): value}) if value else queryset


def link_to_list(model: type[models.Model], text: str, **lookups: Any) -> SafeString:
    """Returns a link to the list of those rows of `model` that `lookups` describe."""
    page = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return format_html('<a href="{}?{}">{}</a>', page, urlencode(lookups), text)


def as_json(value: Any) -> SafeString:
    text = json.dumps(value, ensure_ascii=False, indent=2)
    return format_html("<pre>{}</pre>", text)


def elapsed(row: Any) -> str:
    """Returns the time from the row's `started_at` to its `finished_at`; "-" while one is missing."""
    if row.started_at is None or row.finished_at is None:
        return "-"
    return duration((row.finished_at - row.started_at) / timedelta(milliseconds=1))
