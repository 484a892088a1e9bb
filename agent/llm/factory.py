"""Opens the model of the configured server, or else the offline model."""

from __future__ import annotations

from django.conf import settings

from agent.llm.base import Model

OFFLINE_NAME = "offline"
OFFLINE = "Offline planner: rules, not a language model. Set OPENAI_API_KEY to connect a model."


def open_model() -> Model:
    """Returns a model for one run, its usage at zero."""
    # Imported here: importing `openai` takes most of a second, which the offline model can save.
    if has_server():
        from agent.llm.openai import OpenAIModel

        return OpenAIModel()
    from agent.llm.offline.model import OfflineModel

    return OfflineModel()


def model_name() -> str:
    """Returns the name of the model that `open_model` opens."""
    return settings.SAMURAI_MODEL if has_server() else OFFLINE_NAME


def model_notice() -> str:
    """Returns a line for the page that names the model."""
    return settings.SAMURAI_MODEL if has_server() else OFFLINE


def has_server() -> bool:
    return bool(settings.OPENAI_API_KEY or settings.OPENAI_BASE_URL)
