"""`ETag` and `If-Match`: a change is made to the state that its author saw, or not at all."""

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

# What others change in passing: it does not make an edit stale.
PASSING = frozenset({"updated_at", "last_seq", "board_version"})


def etag_of(shown: Mapping[str, Any]) -> str:
    kept = {name: value for name, value in shown.items() if name not in PASSING}
    text = json.dumps(kept, sort_keys=True, cls=JSONEncoder)
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def tagged(shown: Mapping[str, Any], status: int = 200, **headers: str) -> Response:
    return Response(shown, status, headers={"ETag": etag_of(shown), **headers})


def require_match(request: Request, shown: Mapping[str, Any]) -> None:
    """Raises `StaleMatch` unless `shown`, the state as it is, is one that `If-Match` names."""
    named = request.headers.get("If-Match")
    if named is not None and named.strip() != "*" and etag_of(shown) not in parse_etags(named):
        raise StaleMatch
