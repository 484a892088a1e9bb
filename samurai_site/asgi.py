"""The ASGI application: HTTP, WebSockets, and the engine in the same process.

Behaves the same under every server: without the lifespan protocol (Daphne), the first connection
starts the engine.
"""

import gc
import os
import sys
from pathlib import Path

from dotenv import load_dotenv

gc.disable()  # collections while everything is imported take a sixth of the start
load_dotenv(Path(__file__).resolve().parent.parent / ".env")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "samurai_site.settings")

from django.core.asgi import get_asgi_application  # noqa: E402  (after the environment is set)

pages = get_asgi_application()

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402  (needs the apps)

from chat.routing import websocket_urlpatterns  # noqa: E402
from samurai_site.server import Server  # noqa: E402

if "daphne.http_protocol" in sys.modules:  # Daphne tells nobody when it starts
    from samurai_site.daphne_channel import watch_daphne

    watch_daphne()

application = Server(
    ProtocolTypeRouter({"http": pages, "websocket": URLRouter(websocket_urlpatterns)})
)

gc.enable()
