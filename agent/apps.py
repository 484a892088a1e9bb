"""The agent's Django application."""

from django.apps import AppConfig


class AgentConfig(AppConfig):
    name = "agent"
    verbose_name = "Samurai Agent"

    def ready(self) -> None:
        from agent import tools  # noqa: F401  (importing the families registers their tools)
