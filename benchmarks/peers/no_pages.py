"""The URLs of an application without pages."""

from typing import Any

urlpatterns: list[Any] = []
