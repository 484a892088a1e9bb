"""Estimates how many tokens a text has for any model. A real tokenizer would have to be downloaded.

The estimate is meant to be high rather than low; `agent.llm.windows` corrects it for each model by
the counts that its server reports.
"""

from __future__ import annotations

import re

# One match is one token: a piece of a word, a digit, one or two signs, a line break, wide space. A
# single space belongs to the word after it.
_ASCII = re.compile(
    r"[A-Za-z]{1,7}|[0-9]|[!-/:-@\[-`{-~]{1,2}|\n\s*|[ \t]{2,16}|[\x00-\x08\x0b-\x1f\x7f]"
)

# Tokens for each character of other scripts. A script that is not listed is mostly encoded in bytes.
_SCRIPTS = (
    ("\u00c0-\u024f\u1e00-\u1eff", 1.0),  # Latin letters with marks
    ("\u0400-\u052f", 0.6),  # Cyrillic
    ("\u0370-\u03ff\u1f00-\u1fff\u0590-\u06ff\u0750-\u077f", 0.9),  # Greek, Hebrew, Arabic
    ("\u0900-\u0d7f\u0e00-\u0eff", 1.2),  # scripts of India, Thai, Lao
    ("\u2000-\u206f\u3000-\u30ff\uff00-\uffef", 1.0),  # signs, kana, full and half width
    ("\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff", 1.25),  # Chinese characters, hangul
)
_OTHER = 2.0
_EMOJI = 3.0  # beyond the basic plane
_COUNTED = [(re.compile(f"[{signs}]+"), tokens) for signs, tokens in _SCRIPTS]


def estimate(text: str) -> int:
    """Returns about how many tokens `text` has."""
    tokens = float(len(_ASCII.findall(text)))
    if not text.isascii():
        tokens += _of_other_scripts(text)
    return round(tokens)


def _of_other_scripts(text: str) -> float:
    left = len(text) - len(text.encode("ascii", "ignore"))
    tokens = 0.0
    for signs, each in _COUNTED:
        found = sum(map(len, signs.findall(text)))
        tokens += found * each
        left -= found
    beyond = len(text.encode("utf-16-le", "replace")) // 2 - len(text)
    return tokens + beyond * _EMOJI + (left - beyond) * _OTHER
