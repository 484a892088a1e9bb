"""Base classes of the admin's pages: large tables, read-only rows, deletion with counts."""

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
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from agent.support.durations import duration
from agent.support.name_field import NameField

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
    """Counts at most `LIMIT` rows, so that a long table is not counted for each page. People find
    further rows by filters and search.
    """

    LIMIT = 10_000

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        # Without the columns of the list, which a query with a limit computes for each row.
        return int(rows.order_by().values("pk")[: self.LIMIT].count())


class LargeTableAdmin(ModelAdmin):
    """A list page without queries that count or sort the whole table."""

    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # facets count the whole table for each choice
    list_per_page = 50
    paginator = BoundedPaginator

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Lets people paste a text that is too long: the form tells its length, and cuts nothing."""
        if db_field.name in ("title", "name"):
            kwargs.setdefault("form_class", NameField)
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None:
            field.widget.attrs.pop("maxlength", None)
        return field


class AgentRecordAdmin(LargeTableAdmin):
    """Rows that only the agent creates. They are deleted with their project or session, not one by
    one.
    """

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Django also asks when another page deletes a row to which these rows belong.
        if self._is_own_page(request):
            return False
        return super().has_delete_permission(request, obj)

    def _is_own_page(self, request: HttpRequest) -> bool:
        page = request.resolver_match.url_name if request.resolver_match else None
        return page is None or page.startswith(f"{self.opts.app_label}_{self.opts.model_name}_")


class ReadOnlyAdmin(AgentRecordAdmin):
    """Rows that only the agent creates, and that nobody may edit."""

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


# Rows of an inline. The list page shows all of them.
MAX_INLINE = 50


class LatestFormSet(FormSet):
    """Limits an inline to the latest rows: a session may have thousands of runs."""

    _latest: Any = None

    def get_queryset(self) -> Any:
        if self._latest is None:  # cached, since each form calls this method
            self._latest = super().get_queryset()[:MAX_INLINE]
        return self._latest


class ReadOnlyInline(TabularInline):
    """Read-only rows on the page of the object to which they belong."""

    template = "admin/agent/read_only_inline.html"
    extra = 0
    can_delete = False
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class CountedDeletion(ModelAdmin):
    """The confirmation of a deletion shows counts instead of up to 100,000 related events."""

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
    # By key, because a row may be collected twice: an event by its session and by its run.
    keys: dict[type[models.Model], set[Any]] = {}
    for rows in collector.fast_deletes:
        keys.setdefault(rows.model, set()).update(rows.values_list("pk", flat=True))
    counts.update((model, len(of_model)) for model, of_model in keys.items() if of_model)
    return counts


class ChoiceFilter(admin.SimpleListFilter):
    """A filter with fixed choices, which need no query."""

    options: Sequence[tuple[str, str]] = ()

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return self.options

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        value = self.value()
        return queryset.filter(**{str(self.parameter_name): value}) if value else queryset


def lines(items: Iterable[object]) -> str:
    """Returns HTML with each item on a line of its own."""
    return format_html_join(mark_safe("<br>"), "{}", ((str(item),) for item in items))


def link_to_list(model: type[models.Model], text: str, **lookups: Any) -> SafeString:
    """Returns a link to the list of `model`, filtered by `lookups`."""
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
