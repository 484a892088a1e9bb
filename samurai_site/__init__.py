"""The site: settings, the ASGI application, the admin site and the top-level URLs."""
