"""The OpenAPI document of the API, and a page that shows it. On a site with HTTPS, only for its users."""

from __future__ import annotations

import json
from functools import cache

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.utils.encoders import JSONEncoder
from rest_framework.views import APIView

from chat.api.views import ApiView


@cache  # takes a second to generate, and never changes in a process
def document() -> str:
    generated = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return json.dumps(generated, cls=JSONEncoder)


def is_open() -> bool:
    """Tells whether anybody may read: on a machine or in a network of one's own."""
    return not settings.SITE_URL.startswith("https:")


class MayRead(IsAuthenticated):
    def has_permission(self, request: Request, view: APIView) -> bool:
        return is_open() or super().has_permission(request, view)


class Schema(ApiView):
    """The document. It does not describe itself."""

    schema = None
    permission_classes = [MayRead]

    def get(self, request: Request) -> HttpResponse:
        return HttpResponse(document(), content_type="application/json")


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    if not is_open() and not request.user.is_authenticated:
        return redirect_to_login(request.path)
    return render(request, "chat/api.html")
