"""The product's application, which waits for an acknowledgement two seconds instead of thirty."""

from __future__ import annotations

from chat import flow_control
from samurai_site.asgi import application

__all__ = ["application"]

flow_control.PATIENCE = 2.0
