"""The application: registers its tool."""

from __future__ import annotations

from django.apps import AppConfig


class SlowToolConfig(AppConfig):
    name = "benchmarks.slow_tool"

    def ready(self) -> None:
        from agent.tools.loading import load

        load("benchmarks.slow_tool.checking")
