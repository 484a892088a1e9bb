"""A model's window: how many tokens its prompt and answer may have together, as far as known.

The window is told by the server, set by SAMURAI_MODEL_CONTEXT, or learned from refusals and from
prompts that the server cut. The smallest of these counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agent.exceptions import BudgetExceeded

SMALLEST = 256  # tokens; a smaller number is not a window
MAX_RESERVE = 16_000  # tokens of a large window that are left to the answer
# Real tokens per estimated token. A count below is not one of the whole prompt.
MIN_RATIO, MAX_RATIO = 0.5, 4.0
# How much of a refused prompt is sent next when the refusal does not tell how long it may be.
SHORTER = 0.7
_CUT_TO = (
    0.8  # a power of two below this share of the estimate is a window; above, it may be chance
)
_MIN_CUT = 512  # tokens; a server that reports fewer did not cut the prompt
_OTHER_PROMPT = 0.05  # prompts of the same length have estimates that differ less

# What servers call the window in their lists of models.
_FIELDS = frozenset(
    (
        "max_model_len",
        "context_length",
        "max_context_length",
        "loaded_context_length",
        "context_window",
        "context_size",
        "n_ctx",
        "n_ctx_train",
        "max_input_tokens",
        "input_token_limit",
        "inputTokenLimit",
        "max_prompt_tokens",
        "max_seq_len",
    )
)


@dataclass(slots=True)
class Window:
    """What is known of one model's window.

    `known`: its size in tokens; `guessed`: from a refusal that did not tell it. None: nothing is known.
    `ratio`: real tokens per estimated token.
    """

    known: int | None = None
    guessed: int | None = None
    ratio: float = 1.0
    asked: bool = False  # the server was asked for the size
    _calibrated: bool = False
    _last_count: int = 0
    _last_estimated: int = 0

    @property
    def size(self) -> int | None:
        return min(filter(None, (self.known, self.guessed)), default=None)

    def limit(self, size: int) -> None:
        """Notes that the window has at most `size` tokens."""
        if size >= SMALLEST:
            self.known = size if self.known is None else min(self.known, size)

    def real(self, estimated: int) -> int:
        """Returns the tokens of the model for a number of estimated ones."""
        return round(estimated * self.ratio)

    def refused(self, error: BudgetExceeded, estimated: int) -> None:
        """Learns from a refusal of a prompt with so many estimated tokens."""
        if error.prompt:
            self._calibrate(error.prompt / estimated)
        if error.window:
            self.limit(error.window)
        sent = self.real(estimated)
        if self.size is None or room(self.size) >= sent:
            # The refusal tells too little, or the server keeps more for the answer than we do.
            self.guessed = max(SMALLEST, _with_room(round(sent * SHORTER)))

    def counted(self, prompt: int, estimated: int) -> bool:
        """Learns from the count of a prompt that was answered. Returns whether the server cut it."""
        if self._was_cut(prompt, estimated):
            self.limit(prompt)
            return True
        self._last_count, self._last_estimated = prompt, estimated
        if prompt >= MIN_RATIO * estimated:
            self._calibrate(prompt / estimated)
        return False

    def _was_cut(self, prompt: int, estimated: int) -> bool:
        """Whether the count is a window: that of another prompt, or a round number far below this one."""
        if prompt < _MIN_CUT or prompt >= self.real(estimated):
            return False
        if prompt == self._last_count:
            return abs(estimated - self._last_estimated) > estimated * _OTHER_PROMPT
        is_power = prompt >= 2 * 1024 and prompt & (prompt - 1) == 0
        share = _CUT_TO if is_power else MIN_RATIO
        return prompt % 1024 == 0 and prompt < share * self.real(estimated)

    def _calibrate(self, ratio: float) -> None:
        """Follows a higher ratio at once and a lower one slowly: too long a prompt is refused."""
        ratio = min(max(ratio, MIN_RATIO), MAX_RATIO)
        if self._calibrated and ratio < self.ratio:
            ratio = (self.ratio + ratio) / 2
        self.ratio, self._calibrated = ratio, True


def room(size: int) -> int:
    """Returns the tokens of a window that a prompt may take. The others are for the answer."""
    return size - min(size // 4, MAX_RESERVE)


def _with_room(tokens: int) -> int:
    """Returns the size of the window that has room for `tokens`."""
    return min(tokens * 4 // 3, tokens + MAX_RESERVE)


# -- what a server tells ---------------------------------------------------------------------------


def told_by(body: Any, model: str) -> int | None:
    """Returns the window of `model` in a server's list of models, or in its entry of that list."""
    found = [size for entry in _entries(body, model) for size in _sizes(entry) if size >= SMALLEST]
    return min(found, default=None)


def _entries(body: Any, model: str) -> Iterable[Mapping[str, Any]]:
    listed: Any
    if isinstance(body, Mapping):
        listed = next((body[key] for key in ("data", "models") if key in body), None)
        if listed is None:
            return [body]
        if isinstance(listed, Mapping):
            return [listed]
    else:
        listed = body
    if not isinstance(listed, list):
        return []
    entries = [item for item in listed if isinstance(item, Mapping)]
    # A server of one model answers to any name.
    return entries if len(entries) == 1 else [item for item in entries if _is_named(item, model)]


def _is_named(entry: Mapping[str, Any], model: str) -> bool:
    aliases = entry.get("aliases")
    names = [entry.get("id"), entry.get("name"), entry.get("model")]
    names += aliases if isinstance(aliases, list) else []
    plain = model.removesuffix(":latest")
    return any(
        isinstance(name, str) and name.removeprefix("models/").removesuffix(":latest") == plain
        for name in names
    )


def _sizes(entry: Mapping[str, Any], depth: int = 0) -> Iterator[int]:
    for name, value in entry.items():
        if isinstance(value, Mapping) and depth < 2:
            yield from _sizes(value, depth + 1)
        elif name in _FIELDS and str(value).isdecimal():
            yield int(value)
