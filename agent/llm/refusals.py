"""Recognizes that a server refused a prompt for its length, and reads the counts in its refusal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_CODES = frozenset(
    (
        "context_length_exceeded",
        "exceed_context_size_error",
        "context_window_exceeded",
        "prompt_too_long",
        "input_too_long",
        "request_too_large",
        "string_above_max_length",
    )
)
# A refused key, payment, model or rate is not about length, whatever its text quotes.
_OTHER_STATUSES = frozenset((401, 402, 403, 404, 408, 409))
_OTHER_WORDS = ("schema", "response_format", "quota", "credits")

_LONG = re.compile(
    r"context[ _-]?(?:length|size|window|limit)|context the overflows|initial prompt is greater"
    r"|max(?:imum)?[ _](?:(?:model|prompt|sequence|input|seq)[ _]len|number of (?:input )?tokens)"
    r"|(?:prompt|inputs?|request|messages?|conversation|sequence|tokens?|text|token count)\b[^.]{0,60}"
    r"(?:too (?:long|large|big|many)|longer than|exceed|must have less than)"
    r"|too many (?:input |prompt )?tokens|reduce the length|max_new_tokens. must be"
)

_NUMBER = r"(\d[\d,_]*)"
# Patterns of the window, and of the prompt's own count without the answer's; the surest first.
_WINDOW = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\d\s*(?:tokens?)?\s*> {_NUMBER}",  # "190000 + 20000 > 200000"
        rf"(?:<=|less than|at most|cannot exceed|maximum of|limit of|limit is|tpm\): limit) {_NUMBER}",
        rf"(?:max_seq_len|tokens allowed)\W{{0,3}}{_NUMBER}",
        rf"{_NUMBER} max(?:imum)?\b",
        r"(?:context|model(?:'s)?|maximum|available|prompt|input)[ _](?:context )?"
        rf"(?:length|size|window|limit)(?: is| of)?(?: only)?[:\s(]{{1,3}}{_NUMBER}",
    )
)
_PROMPT = tuple(
    re.compile(pattern)
    for pattern in (
        rf"{_NUMBER} (?:tokens )?(?:in the messages|of text input|from the input)",
        rf"{_NUMBER} (?:input|prompt) tokens",
        rf"{_NUMBER} .?inputs.? tokens",
        rf"(?:resulted in|contains|current length is|keep the first|input \(|request \() ?{_NUMBER}",
        rf"(?:input token count|\(length|prompt length|prompt is too long:|requested tokens)[ (]+{_NUMBER}",
        rf"given: {_NUMBER}",
        rf"{_NUMBER} tokens > ",
    )
)
_MIN_TOKENS = 64  # a smaller number counts something else


def is_for_length(status: int, body: Any, text: str) -> bool:
    """Whether a refusal with this status, body and text of the body is for the prompt's length."""
    if status == 413 or code_of(body) in _CODES:
        return True
    text = text.lower()
    if status in _OTHER_STATUSES or any(word in text for word in _OTHER_WORDS):
        return False
    if status >= 500 and not any(counts(body, text)):
        return False  # "the request took too long" is about time
    if status == 429:  # this request alone is above the limit: a retry is refused again
        return "request too large" in text
    return bool(_LONG.search(text))


def counts(body: Any, text: str) -> tuple[int | None, int | None]:
    """Returns the window and the prompt's tokens, each if the refusal tells it."""
    text = text.lower()
    window = _field(body, "n_ctx") or _first(_WINDOW, text)
    prompt = _field(body, "n_prompt_tokens") or _first(_PROMPT, text)
    if prompt is not None and prompt == window:
        prompt = None
    return window, prompt


def code_of(body: Any) -> str:
    if not isinstance(body, Mapping):
        return ""
    if not body.get("code") and not body.get("type") and isinstance(body.get("error"), Mapping):
        body = body["error"]
    code, kind = str(body.get("code") or ""), str(body.get("type") or "")
    return kind if code.isdecimal() and kind else code or kind


def _field(body: Any, name: str) -> int | None:
    if not isinstance(body, Mapping):
        return None
    value = body.get(name)
    return value if type(value) is int and value > 0 else _field(body.get("error"), name)


def _first(patterns: tuple[re.Pattern[str], ...], text: str) -> int | None:
    for pattern in patterns:
        if found := pattern.search(text):
            number = int(re.sub(r"[,_]", "", found[1]))
            if number >= _MIN_TOKENS:
                return number
    return None
