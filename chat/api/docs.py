"""The OpenAPI document of the API, and a page that shows it. Both are public."""

from __future__ import annotations

import json
from functools import cache

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from rest_framework.utils.encoders import JSONEncoder


@cache  # takes a second to generate, and never changes in a process
def document() -> str:
    generated = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return json.dumps(generated, cls=JSONEncoder)


@require_safe
def schema(request: HttpRequest) -> HttpResponse:
    return HttpResponse(document(), content_type="application/json")


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    return render(request, "chat/api.html")
