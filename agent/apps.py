"""The agent's Django application."""

from django.apps import AppConfig


class AgentConfig(AppConfig):
    name = "agent"
    verbose_name = "Samurai Agent"

    def ready(self) -> None:
        from django.conf import settings

        from agent import doorbell, tools  # noqa: F401  (importing the families registers tools)

        if settings.SAMURAI_ENGINE == "procrastinate":
            from agent.jobs import Workers

            doorbell.register(Workers(), elsewhere=True)
