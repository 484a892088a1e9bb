"""Renders the prompts under `templates/agent/prompts/`. No other module does."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from django.template import Context as TemplateContext
from django.template import Engine, Template

from agent.llm.reading import clean
from agent.shorten import cut

MAX_RESULT = 4000  # characters of a tool's arguments or result in a prompt
MAX_PLAN = 60_000  # characters of the last plan: the model copies its texts into the next one

# What a model or a tokenizer may take for markup: the tags of our blocks, also with invisible
# characters between the letters, and the tokens of chat templates.
_INVISIBLE = r"[\s\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]{0,20}"
_NAMES = "|".join(_INVISIBLE.join(name) for name in ("data", "message"))
_MARKUP = re.compile(
    rf"[<＜﹤](?={_INVISIBLE}[/／]?{_INVISIBLE}(?:{_NAMES})(?![a-z])|[|｜])", re.IGNORECASE
)
_BLANK_LINES = re.compile(r"\n\s*\n(?:\s*\n)+")


def render(name: str, values: Mapping[str, Any]) -> str:
    """Returns the prompt `name`. No text in `values` can close the block that contains it."""
    text = _template().render(
        TemplateContext({**_as_data(values), "prompt": f"agent/prompts/{name}.txt"})
    )
    return _BLANK_LINES.sub("\n\n", clean(text)).strip()


@cache
def _template() -> Template:
    return Engine.get_default().from_string(
        "{% autoescape off %}{% include prompt %}{% endautoescape %}"
    )


def compact(value: Any, limit: int = MAX_RESULT) -> str:
    """Returns `value` as one line of JSON, cut to `limit` characters."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    return cut(text, limit)


def _as_data(value: Any) -> Any:
    """Returns `value` with the markup in each text made harmless."""
    if isinstance(value, str):
        return _MARKUP.sub("‹", value)
    if isinstance(value, Mapping):
        return {key: _as_data(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_as_data(item) for item in value]
    return value
