"""Which model answers: the one of a server when the settings name one, else the offline one."""

from __future__ import annotations

from django.conf import settings

from agent.llm.base import Model

OFFLINE = (
    "Offline model: a rule-based planner, not a language model. Set OPENAI_API_KEY to connect one."
)


def open_model() -> Model:
    """Returns a model for one run, its usage at zero."""
    # Imported here: `openai` takes most of a second, which the offline model need not wait for.
    if has_server():
        from agent.llm.openai import OpenAIModel

        return OpenAIModel()
    from agent.llm.offline.model import OfflineModel

    return OfflineModel()


def model_notice() -> str:
    """Returns one line for the page: who answers here."""
    return settings.SAMURAI_MODEL if has_server() else OFFLINE


def has_server() -> bool:
    return bool(settings.OPENAI_API_KEY or settings.OPENAI_BASE_URL)
