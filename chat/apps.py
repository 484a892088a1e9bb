"""The interfaces' Django application."""

from django.apps import AppConfig


class ChatConfig(AppConfig):
    name = "chat"
    verbose_name = "Chat"

    def ready(self) -> None:
        from django.conf import settings

        from agent.event_log import log
        from chat import feed, wakeups

        log.listen(feed.on_commit)
        if settings.REDIS_URL:
            log.listen(wakeups.on_commit)
            wakeups.listen(feed.on_announcement)
