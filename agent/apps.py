"""The agent's Django application, and the admin with its own site."""

from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class PanelConfig(admin_apps.AdminConfig):
    """Django's admin with `agent.panel` for its site."""

    default = False
    default_site = "agent.panel.Panel"


class AgentConfig(AppConfig):
    default = True
    name = "agent"
    verbose_name = "Samurai Agent"

    def ready(self) -> None:
        from django.conf import settings

        from agent import doorbell, tools  # noqa: F401  (importing the families registers tools)

        if settings.SAMURAI_ENGINE == "procrastinate":
            from agent.jobs import Workers

            doorbell.register(Workers(), elsewhere=True)
