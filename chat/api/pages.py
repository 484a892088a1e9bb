"""Pagination by cursor, which stays correct while rows are added and deleted."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError as InvalidValue
from django.db import DataError
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import CursorPagination


class Pages(CursorPagination):
    page_size = 50
    max_page_size = 200
    page_size_query_param = "limit"

    def __init__(self, order: str) -> None:
        self.order = order

    def get_ordering(self, request: Any, queryset: Any, view: Any) -> tuple[str, ...]:
        return (self.order, "pk")

    def paginate_queryset(self, queryset: Any, request: Any, view: Any = None) -> list[Any] | None:
        try:
            return super().paginate_queryset(queryset, request, view)
        except (NotFound, InvalidValue, DataError, ValueError, OverflowError):
            # A cursor that did not come from this list may hold anything.
            raise ValidationError({"cursor": ["Invalid cursor for this list."]}) from None
