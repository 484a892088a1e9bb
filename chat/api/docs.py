"""The API described: an OpenAPI document, and a page to read it on. Both are open and tell no secret."""

from __future__ import annotations

import json
from functools import cache

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from rest_framework.utils.encoders import JSONEncoder


@cache  # it takes a second, and says the same until the next start
def document() -> str:
    found = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return json.dumps(found, cls=JSONEncoder)


@require_safe
def schema(request: HttpRequest) -> HttpResponse:
    return HttpResponse(document(), content_type="application/json")


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    return render(request, "chat/api.html")
