"""The interfaces' Django application."""

from django.apps import AppConfig


class ChatConfig(AppConfig):
    name = "chat"
    verbose_name = "Chat"

    def ready(self) -> None:
        from django.conf import settings

        from agent.event_log import log
        from agent.runs import drafts
        from chat import account_forms, draft_feed, feed, wakeups
        from chat.accounts import sign_ins

        account_forms.listen()
        sign_ins.listen()
        log.listen(feed.on_commit)
        drafts.listen(draft_feed.on_written)
        if settings.REDIS_URL:
            log.listen(wakeups.on_commit)
            drafts.listen(wakeups.on_drafts)
            wakeups.listen(feed.on_announcement)
            wakeups.listen_to_drafts(draft_feed.on_announcement)
