"""The interfaces' Django application."""

from django.apps import AppConfig


class ChatConfig(AppConfig):
    name = "chat"
    verbose_name = "Chat"

    def ready(self) -> None:
        from agent import log
        from chat import feed

        log.listen(feed.on_commit)
