"""The Django application of the agent. Connects the queue's workers when the engine is Procrastinate."""

from django.apps import AppConfig


class AgentConfig(AppConfig):
    name = "agent"
    verbose_name = "Samurai Agent"

    def ready(self) -> None:
        from django.conf import settings

        from agent.event_log import log, recent_events
        from agent.runs import wake

        log.listen(recent_events.on_commit)
        if settings.SAMURAI_ENGINE == "procrastinate":
            from agent.engine.procrastinate import Workers

            wake.register(Workers(), remote=True)
