"""How many requests of the API one person may make in a minute."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from chat import throttles


class PersonThrottle(BaseThrottle):
    """Counts by person, or by address for a guest and for who is not signed in."""

    def allow_request(self, request: Request, view: Any) -> bool:
        user, site_request = request.user, request._request
        key = user.pk if isinstance(user, User) else None
        who = throttles.address(site_request) if key is None else throttles.person(key)
        self._seconds = throttles.take("api", who, settings.SAMURAI_API_REQUESTS_PER_MINUTE)
        return not self._seconds

    def wait(self) -> float:
        return self._seconds
