"""`Idempotency-Key`: a request that is sent again with the same key is not executed again.

A key belongs to its user and expires after a day. The same key with another request is refused (422),
and so is a repetition while the first request is in progress (409). Refusals are not stored: they
changed nothing, and the corrected request may use the same key.
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

from agent.accounts.access import only_project
from chat.api.authentication import user_of
from chat.models import KeptAnswer

EXPIRY = timedelta(days=1)
# After this time without a response, the process of a request has died, and it may be executed again.
ABANDONED = timedelta(minutes=1)
STORED_HEADERS = ("ETag", "Location")
NAMES = UUID("6ad2d1f0-25f5-4f0e-8a55-1d0f3ff1f7c1")
KEY = re.compile(r"[!-~]{1,255}")

Post = TypeVar("Post", bound=Callable[..., HttpResponseBase])


class KeyReused(APIException):
    """The key was used for another request."""

    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_detail = "This Idempotency-Key was used for another request."
    default_code = "key_reused"


class InProgress(APIException):
    """The same request is in progress."""

    status_code = status.HTTP_409_CONFLICT
    default_detail = "The same request is in progress. Repeat it later for the response."
    default_code = "in_progress"
    wait = 1


def once(*hidden: str) -> Callable[[Post], Post]:
    """Executes a view's method once per key. Fields named in `hidden` are not stored."""

    def decorate(post: Post) -> Post:
        @functools.wraps(post)
        def wrapped(view: Any, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if (key := key_of(request)) is None:
                return post(view, request, *args, **kwargs)
            own = _claim(user_of(request).pk, key, _digest(request))
            if own.status is not None:
                return _replay(own)
            try:
                response = post(view, request, *args, **kwargs)
            except BaseException:
                KeptAnswer.objects.filter(pk=own.pk, status=None).delete()
                raise
            _store(own, response, hidden)
            return response

        return wrapped  # type: ignore[return-value]

    return decorate


def key_of(request: Request) -> str | None:
    """Returns the key of the request. Of a token for one project it is another one, which no header has, so
    that it finds nothing of other requests.
    """
    key = request.headers.get("Idempotency-Key")
    if key is not None and not KEY.fullmatch(key):
        raise ValidationError({"Idempotency-Key": ["1 to 255 visible ASCII characters."]})
    if key is None or (only := only_project(user_of(request))) is None:
        return key
    return f"{only} {hashlib.sha256(key.encode()).hexdigest()}"


def check_key(request: Request) -> None:
    """Refuses a key of another request. A repetition finds its run by `client_id_of`."""
    if (key := key_of(request)) is None:
        return
    now, digest = _now(), _digest(request)
    known, _ = KeptAnswer.objects.get_or_create(
        user=user_of(request), key=key, defaults={"digest": digest, "began_at": now}
    )
    if known.digest != digest:
        raise KeyReused


def client_id_of(request: Request) -> UUID | None:
    """Returns a `client_id` derived from the key, so that a repetition never starts a second run."""
    key = key_of(request)
    return None if key is None else uuid5(NAMES, f"{user_of(request).pk}:{key}")


def _now() -> datetime:
    """Returns the time, and deletes the expired keys."""
    now = timezone.now()
    KeptAnswer.objects.filter(began_at__lt=now - EXPIRY).delete()
    return now


def _digest(request: Request) -> str:
    sent = [request.method, request.get_full_path(), request.data]
    return hashlib.sha256(json.dumps(sent, sort_keys=True).encode()).hexdigest()


def _claim(user: int, key: str, digest: str) -> KeptAnswer:
    """Returns the key's row, new or with a stored response. Raises KeyReused and InProgress."""
    now = _now()
    try:
        with transaction.atomic():
            return KeptAnswer.objects.create(user_id=user, key=key, digest=digest, began_at=now)
    except IntegrityError:
        pass
    known = KeptAnswer.objects.filter(user=user, key=key).first()
    if known is None:  # the other request was just refused
        raise InProgress
    if known.digest != digest:
        raise KeyReused
    if known.status is None and not _taken_over(known):
        raise InProgress
    return known


def _taken_over(known: KeptAnswer) -> bool:
    """Takes over from an abandoned request. Of concurrent calls, one succeeds."""
    now = timezone.now()
    stale = KeptAnswer.objects.filter(
        pk=known.pk, status=None, began_at=known.began_at, began_at__lt=now - ABANDONED
    )
    return stale.update(began_at=now) == 1


def _store(own: KeptAnswer, response: HttpResponseBase, hidden: tuple[str, ...]) -> None:
    assert isinstance(response, Response), "not a stream"
    shown = response.data
    if hidden:
        shown = {**shown, **dict.fromkeys(hidden)}
    KeptAnswer.objects.filter(pk=own.pk).update(
        status=response.status_code,
        headers={name: response[name] for name in STORED_HEADERS if name in response},
        body=JSONRenderer().render(shown).decode(),
    )


def _replay(kept: KeptAnswer) -> HttpResponse:
    response = HttpResponse(kept.body, status=kept.status, content_type="application/json")
    for name, value in kept.headers.items():
        response[name] = value
    response["Idempotency-Replayed"] = "true"
    return response
