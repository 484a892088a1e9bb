"""Errors as HTTP responses: a status, and `{"detail", "code"}` or `{"field": [...]}`; no traceback."""

from __future__ import annotations

import logging
from math import ceil
from typing import Any

from django.http import Http404
from django.utils import timezone
from rest_framework import status
from rest_framework.exceptions import (
    APIException,
    ErrorDetail,
    NotAuthenticated,
    NotFound,
    Throttled,
)
from rest_framework.response import Response
from rest_framework.views import exception_handler

from agent.exceptions import QuotaReached, Refused, ToolFailed
from agent.support import database

logger = logging.getLogger(__name__)

# By the code of a refusal; others are 400.
STATUS = {
    "forbidden": status.HTTP_403_FORBIDDEN,
    "quota_reached": status.HTTP_403_FORBIDDEN,
    "not_found": status.HTTP_404_NOT_FOUND,
    "pruned": status.HTTP_410_GONE,
    "not_active": status.HTTP_409_CONFLICT,
    "stale_plan": status.HTTP_409_CONFLICT,
    "stale_change": status.HTTP_409_CONFLICT,
    "too_large": status.HTTP_413_REQUEST_ENTITY_TOO_LARGE,
    "rate_limited": status.HTTP_429_TOO_MANY_REQUESTS,
    "queue_full": status.HTTP_429_TOO_MANY_REQUESTS,
    "too_slow": status.HTTP_503_SERVICE_UNAVAILABLE,
}
# Seconds. After 15, some messages of the last minute no longer count.
RETRY_AFTER = {status.HTTP_429_TOO_MANY_REQUESTS: 15, status.HTTP_503_SERVICE_UNAVAILABLE: 5}


NOT_SIGNED_IN = "Nobody is signed in. A program sends the header “Authorization: Token KEY”."


class StaleMatch(APIException):
    """The object has changed since the ETag in `If-Match`."""

    status_code = status.HTTP_412_PRECONDITION_FAILED
    default_detail = "The object has changed since you read it. Read it again."
    default_code = "stale_match"


class TooMany(Throttled):
    """More than one person may have, in words for people: pages show them."""

    default_detail = "Too many requests within a minute."
    extra_detail_singular = "Try again in {wait} second."
    extra_detail_plural = "Try again in {wait} seconds."


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """The API's exception handler."""
    if isinstance(error, QuotaReached) and error.frees_at is not None:
        refusal = problem(status.HTTP_429_TOO_MANY_REQUESTS, error.code, str(error))
        refusal["Retry-After"] = str(ceil((error.frees_at - timezone.now()).total_seconds()))
        return refusal
    if isinstance(error, Refused):
        return problem(STATUS.get(error.code, 400), error.code, str(error))
    if isinstance(error, ToolFailed):
        return problem(status.HTTP_400_BAD_REQUEST, "invalid", str(error))
    if isinstance(error, database.CONNECTION_ERRORS):
        logger.exception("A request failed: the database is unavailable")
        return unavailable("Nothing was confirmed. Try again.")
    if isinstance(error, NotAuthenticated):
        error.detail = ErrorDetail(NOT_SIGNED_IN, error.default_code)
    if isinstance(error, Http404):
        error = NotFound(*error.args)
    response = exception_handler(error, context)
    if response is None:
        logger.error("A request failed", exc_info=error)
        return problem(500, "internal", "Something went wrong.")
    return _with_code(response, error)


def _with_code(response: Response, error: Exception) -> Response:
    data = response.data
    if isinstance(data, dict) and set(data) == {"detail"}:
        data["code"] = getattr(data["detail"], "code", None) or getattr(
            error, "default_code", "forbidden"
        )
    return response


def unavailable(text: str) -> Response:
    text = f"The database is unavailable. {text}"
    return problem(status.HTTP_503_SERVICE_UNAVAILABLE, "unavailable", text)


def problem(code: int, name: str, text: str) -> Response:
    headers = {"Retry-After": str(RETRY_AFTER[code])} if code in RETRY_AFTER else None
    return Response({"detail": text, "code": name}, code, headers=headers, exception=True)
