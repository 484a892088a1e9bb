"""The product's application, whose clocks on the headers and the body of a request ring after two seconds."""

from __future__ import annotations

from samurai_site.asgi import application  # isort: skip  # first: it sets Django up
from samurai_site import request_limits, slow_clients

__all__ = ["application"]

slow_clients.HEADER_SECONDS = request_limits.MAX_SECONDS = 2.0
