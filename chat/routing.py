"""The sockets' addresses."""

from typing import Any

from django.urls import path, re_path

from chat.consumers import GuestConsumer, SessionConsumer


async def nowhere(scope: Any, receive: Any, send: Any) -> None:
    """Refuses a socket at any other address: HTTP 403."""
    await send({"type": "websocket.close"})


websocket_urlpatterns = [
    path("ws/sessions/<str:session>/", SessionConsumer.as_asgi()),
    # Below the path of the link's cookie.
    path("shared/<uuid:link_id>/socket/", GuestConsumer.as_asgi()),
    re_path("", nowhere),  # type: ignore[arg-type]  # the stubs know views only
]
