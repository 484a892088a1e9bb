"""Renders the prompts under `templates/agent/prompts/`. The one place where that is done."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from django.template import Context as TemplateContext
from django.template import Engine, Template

from agent.llm.reading import clean

# Longer results of tools are cut: the answer tells of them, it does not repeat them.
MAX_RESULT = 4000

# What a reader, or a tokenizer, may take for a mark: our blocks', also with signs between the letters
# that nobody sees, and those of chat templates.
_UNSEEN = r"[\s\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]{0,20}"
_NAMES = "|".join(_UNSEEN.join(name) for name in ("data", "message"))
_MARKS = re.compile(
    rf"[<＜﹤](?={_UNSEEN}[/／]?{_UNSEEN}(?:{_NAMES})(?![a-z])|[|｜])", re.IGNORECASE
)
_BLANK_LINES = re.compile(r"\n\s*\n(?:\s*\n)+")


def render(name: str, values: Mapping[str, Any]) -> str:
    """Returns the prompt `name`. No text in `values` can end the block that it stands in."""
    text = _template().render(
        TemplateContext({**_as_data(values), "prompt": f"agent/prompts/{name}.txt"})
    )
    return _BLANK_LINES.sub("\n\n", clean(text)).strip()


@cache
def _template() -> Template:
    return Engine.get_default().from_string(
        "{% autoescape off %}{% include prompt %}{% endautoescape %}"
    )


def compact(value: Any) -> str:
    """Returns `value` as one line of JSON, cut when it is very long."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    return text if len(text) <= MAX_RESULT else text[:MAX_RESULT] + "…"


def _as_data(value: Any) -> Any:
    """Returns `value` with the marks of our blocks made harmless in each text."""
    if isinstance(value, str):
        return _MARKS.sub("‹", value)
    if isinstance(value, Mapping):
        return {key: _as_data(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_as_data(item) for item in value]
    return value
