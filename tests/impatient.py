"""The product's application, which waits for an acknowledgement two seconds instead of thirty."""

from __future__ import annotations

from chat import window
from samurai_site.asgi import application

__all__ = ["application"]

window.PATIENCE = 2.0
