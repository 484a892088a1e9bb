"""Lists in pages, each with a cursor that stays right while rows come and go."""

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
            # A cursor of ours holds a place in the order; one of somebody else's holds anything.
            raise ValidationError({"cursor": ["This is no cursor of this list."]}) from None
