"""`Idempotency-Key`: a request that is sent again with the same key is not carried out again.

The key belongs to the person and lasts a day. The same key with another request is refused (422); while
the first is being carried out, the second is told to come back (409). A refusal is not kept: nothing
was changed, and the request may be corrected under the same key.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid5

from django.db import IntegrityError, transaction
from django.http import HttpResponse, HttpResponseBase
from django.utils import timezone
from rest_framework import status
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from chat.api.authentication import user_of
from chat.models import KeptAnswer

LASTS = timedelta(days=1)
# A request that has no answer after so long died with its process, and may be carried out again.
GIVEN_UP = timedelta(minutes=1)
KEPT_HEADERS = ("ETag", "Location")
NAMES = UUID("6ad2d1f0-25f5-4f0e-8a55-1d0f3ff1f7c1")
KEY = re.compile(r"[!-~]{1,255}")

Post = TypeVar("Post", bound=Callable[..., HttpResponseBase])


class KeyReused(APIException):
    """The key came with another request."""

    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_detail = "This Idempotency-Key came with another request."
    default_code = "key_reused"


class InProgress(APIException):
    """The same request is being carried out right now."""

    status_code = status.HTTP_409_CONFLICT
    default_detail = "The same request is being carried out; come back for its answer."
    default_code = "in_progress"
    wait = 1


def once(*hidden: str) -> Callable[[Post], Post]:
    """Has a view's method carried out once for a key. Fields named in `hidden` are not kept."""

    def decorate(post: Post) -> Post:
        @functools.wraps(post)
        def wrapped(view: Any, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if (key := key_of(request)) is None:
                return post(view, request, *args, **kwargs)
            mine = _claim(user_of(request).pk, key, _digest(request))
            if mine.status is not None:
                return _replay(mine)
            try:
                response = post(view, request, *args, **kwargs)
            except BaseException:
                KeptAnswer.objects.filter(pk=mine.pk, status=None).delete()
                raise
            _keep(mine, response, hidden)
            return response

        return wrapped  # type: ignore[return-value]

    return decorate


def key_of(request: Request) -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not KEY.fullmatch(key):
        raise ValidationError({"Idempotency-Key": ["1 to 255 visible characters of ASCII."]})
    return key


def check_key(request: Request) -> None:
    """Refuses a key that came with another request; the run of this one is found by its `client_id`."""
    if (key := key_of(request)) is None:
        return
    now, digest = _now(), _digest(request)
    known, _ = KeptAnswer.objects.get_or_create(
        user=user_of(request), key=key, defaults={"digest": digest, "began_at": now}
    )
    if known.digest != digest:
        raise KeyReused


def client_id_of(request: Request) -> UUID | None:
    """Returns a message's `client_id` that follows from the key: then even a crash makes no double."""
    key = key_of(request)
    return None if key is None else uuid5(NAMES, f"{user_of(request).pk}:{key}")


def _now() -> datetime:
    """Returns the time, and forgets what is over by then."""
    now = timezone.now()
    KeptAnswer.objects.filter(began_at__lt=now - LASTS).delete()
    return now


def _digest(request: Request) -> str:
    sent = [request.method, request.get_full_path(), request.data]
    return hashlib.sha256(json.dumps(sent, sort_keys=True).encode()).hexdigest()


def _claim(user: int, key: str, digest: str) -> KeptAnswer:
    """Returns the row of this key: the caller's own to fill, or one with an answer. Raises."""
    now = _now()
    try:
        with transaction.atomic():
            return KeptAnswer.objects.create(user_id=user, key=key, digest=digest, began_at=now)
    except IntegrityError:
        pass
    known = KeptAnswer.objects.filter(user=user, key=key).first()
    if known is None:  # it was refused this very moment
        raise InProgress
    if known.digest != digest:
        raise KeyReused
    if known.status is None and not _taken_over(known):
        raise InProgress
    return known


def _taken_over(known: KeptAnswer) -> bool:
    """Takes the place of a request that died; of two who try, one does."""
    now = timezone.now()
    stale = KeptAnswer.objects.filter(
        pk=known.pk, status=None, began_at=known.began_at, began_at__lt=now - GIVEN_UP
    )
    return stale.update(began_at=now) == 1


def _keep(mine: KeptAnswer, response: HttpResponseBase, hidden: tuple[str, ...]) -> None:
    assert isinstance(response, Response), "an answer that is whole"
    shown = response.data
    if hidden:
        shown = {**shown, **dict.fromkeys(hidden)}
    KeptAnswer.objects.filter(pk=mine.pk).update(
        status=response.status_code,
        headers={name: response[name] for name in KEPT_HEADERS if name in response},
        body=JSONRenderer().render(shown).decode(),
    )


def _replay(kept: KeptAnswer) -> HttpResponse:
    response = HttpResponse(kept.body, status=kept.status, content_type="application/json")
    for name, value in kept.headers.items():
        response[name] = value
    response["Idempotency-Replayed"] = "true"
    return response
