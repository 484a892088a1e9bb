"""The site: settings, the ASGI application and the top-level URLs. No behaviour of its own."""
