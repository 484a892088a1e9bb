"""`ETag` and `If-Match`: a change applies only to the state that its author has read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from django.utils.http import parse_etags
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from chat.api.errors import StaleMatch

# Fields that change by themselves. They do not make an edit stale.
IGNORED = frozenset({"updated_at", "last_seq", "board_version"})


def etag_of(shown: Mapping[str, Any]) -> str:
    content = {name: value for name, value in shown.items() if name not in IGNORED}
    text = json.dumps(content, sort_keys=True, cls=JSONEncoder)
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def tagged(shown: Mapping[str, Any], status: int = 200, **headers: str) -> Response:
    return Response(shown, status, headers={"ETag": etag_of(shown), **headers})


def require_match(request: Request, shown: Mapping[str, Any]) -> None:
    """Raises `StaleMatch` unless `If-Match` is absent or names the current state, `shown`."""
    named = request.headers.get("If-Match")
    if named is not None and named.strip() != "*" and etag_of(shown) not in parse_etags(named):
        raise StaleMatch
