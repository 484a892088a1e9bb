from django.apps import AppConfig


class OurToolsConfig(AppConfig):
    name = "our_tools"

    def ready(self) -> None:
        from agent.tools.loading import load

        for module in ("counting", "reminders", "publishing"):
            load(f"our_tools.{module}")
