"""Separates a model's reasoning and control tokens from its answer, while the text arrives in chunks.

Servers mark reasoning in many ways: tags around it, a closing tag alone when the chat template opened
the reasoning, or the channels of gpt-oss. A tag inside code, or one that a sentence mentions, is
ordinary text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_NAMES = r"(?:seed:)?(?:think|thinking|thoughts?|reasoning|reflection)"
_CONTROL = "end|return|call|im_start|im_end|eot_id|eom_id|endoftext|end_of_text|end_of_turn"
_MARK = re.compile(
    rf"(?P<open><{_NAMES}(?:\s[^<>]{{0,100}})?>|\[THINK\]|◁think▷)"
    rf"|(?P<close></{_NAMES}\s{{0,3}}>|\[/THINK\]|◁/think▷)"
    r"|(?P<channel>(?:<\|start\|>\w{0,20})?<\|channel\|>\s*(?P<name>\w{1,20})[^<>|]{0,40}<\|message\|>)"
    rf"|(?P<control><\|(?:{_CONTROL})\|>|<end_of_turn>|</s>)"
    r"|(?P<code>`+|~{3,})"
    r"|(?P<blank>\n[ \t]*\n)",
    re.IGNORECASE,
)
# The end of a text that the next chunk may complete to a mark.
_UNFINISHED = re.compile(
    r"(?:<[/|]?[\w:|]{0,24}(?:\s[^<>]{0,100})?"
    r"|(?:<\|start\|>\w{0,20})?<\|channel\|>[^<>|]{0,62}(?:<\|?\w{0,8}\|?)?"
    r"|<\|start\|>\w{0,20}(?:<\|?\w{0,8}\|?)?"
    r"|\[/?[a-z]{0,5}|◁/?\w{0,5}|`+|~+|\n[ \t]*)\Z",
    re.IGNORECASE,
)
# The context of a tag that a sentence mentions: "The <think> tag opens it", "- `</think>`".
_MENTION_BEFORE = re.compile(
    r"(?:[\w,;:—–-][ \t]+|[`\"'“‘(«]|(?:^|\n)[ \t]*(?:[-*+•]|\d+[.)])[ \t]+)\Z"
)
_MENTION_AFTER = re.compile(
    r"[ \t]+(?=\w)[^A-Z]|[ \t]*[.,;:!?)\"'`”’»]|[ \t]*\n[ \t]*(?:[-*+•]|\d+[.)])"
)
_QUOTED_BEFORE, _QUOTED_AFTER = re.compile(r"[`\"'“‘]\Z"), re.compile(r"[`\"'”’]")
_LINE_START = re.compile(r"(?:^|\n) {0,3}\Z")
# The output of gpt-oss on a server that hides control tokens.
_BARE_REASONING, _BARE_ANSWER = "analysis", "assistantfinal"
_CONTEXT = 16  # characters around a mark that decide whether a sentence mentions it


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the answer. With `starts_over`, all parts before it were reasoning."""

    text: str
    starts_over: bool = False


class AnswerText:
    """Reads the text of one answer in chunks and returns what belongs to the answer."""

    def __init__(self) -> None:
        self.reasoned = False  # reasoning was left out
        self.thoughts: list[str] = []  # what was left out
        self._held = ""  # not decided yet: may become a mark
        self._before = ""  # the last decided characters
        self._in_reasoning = self._in_channel = False
        self._code = ""  # the backticks or tildes that opened the current code
        self._mentioned = 0  # opening tags that a sentence mentions and no tag has closed yet
        self._shown = False  # a part of the answer was returned
        self._may_start_over = False  # reasoning without an opening tag has ended

    def feed(self, chunk: str) -> list[Part]:
        return self._read(self._held + chunk, last=False)

    def rest(self) -> list[Part]:
        """Returns what was held back, at the end of the text."""
        return self._read(self._held, last=True)

    def _read(self, text: str, *, last: bool) -> list[Part]:
        parts: list[Part] = []
        place = 0
        if not self._before and not last and (bare := _bare_reasoning(text)) is not None:
            if not bare:
                self._held = text
                return parts
            self.reasoned, place = True, bare
        while mark := _MARK.search(text, place):
            blank = not text[mark.end() :].strip()
            if blank and not last:  # the next chunk decides
                break
            self._add(text[place : mark.start()], parts)
            self._pass(mark, text[mark.end() : mark.end() + _CONTEXT], parts)
            place = mark.end()
        else:
            rest = None if last else _UNFINISHED.search(text, place)
            end = rest.start() if rest else len(text)
            self._add(text[place:end], parts)
            self._held = text[end:]
            return parts
        self._add(text[place : mark.start()], parts)
        self._held = text[mark.start() :]
        return parts

    def _add(self, text: str, parts: list[Part]) -> None:
        if not text:
            return
        self._before = (self._before + text)[-_CONTEXT:]
        if self._in_reasoning:
            self.thoughts.append(text)
            return
        if self._may_start_over and text.strip():
            if self._shown:
                parts.append(Part("", starts_over=True))
            self._may_start_over = self._shown = False
        if not self._shown:
            text = text.lstrip()
        if text:
            self._shown = True
            parts.append(Part(text))

    def _pass(self, mark: re.Match[str], after: str, parts: list[Part]) -> None:
        """Handles one mark: it is ordinary text, or begins or ends reasoning or code."""
        text = mark.group()
        if self._in_reasoning:
            self._end_reasoning(mark, after)
        elif mark["code"] or mark["blank"]:
            self._track_code(text)
            self._add(text, parts)
        elif self._is_text(mark, after):
            self._add(text, parts)
        elif mark["close"]:
            self.reasoned = self._may_start_over = True
        elif mark["open"] or (mark["channel"] and mark["name"].lower() != "final"):
            self.reasoned = self._in_reasoning = True
            self._in_channel = bool(mark["channel"])
        self._before = (self._before + text)[-_CONTEXT:]

    def _end_reasoning(self, mark: re.Match[str], after: str) -> None:
        quoted = _QUOTED_BEFORE.search(self._before) and _QUOTED_AFTER.match(after)
        if self._in_channel:
            ends = bool(mark["control"]) or bool(
                mark["channel"] and mark["name"].lower() == "final"
            )
        else:
            ends = bool(mark["close"]) and not quoted
        if ends:
            self._in_reasoning = self._in_channel = False

    def _track_code(self, run: str) -> None:
        starts_line = bool(_LINE_START.search(self._before))
        is_fence = len(self._code) >= 3
        if run[0] == "\n":
            self._code = self._code if is_fence else ""  # inline code ends with its paragraph
        elif not self._code:
            if run[0] == "`" or starts_line:
                self._code = run if starts_line or len(run) < 3 else run[:2]
        elif run[0] == self._code[0] and (
            (starts_line and len(run) >= len(self._code)) if is_fence else run == self._code
        ):
            self._code = ""

    def _is_text(self, mark: re.Match[str], after: str) -> bool:
        if self._code:
            return True
        mentioned = bool(_MENTION_BEFORE.search(self._before))
        if mark["open"]:
            self._mentioned += mentioned
            return mentioned
        if mark["close"] and self._mentioned:
            self._mentioned -= 1
            return True
        if mark["close"]:
            return mentioned and bool(_MENTION_AFTER.match(after))
        # A control token is followed by another one or the end; an HTML tag is followed by text.
        return mentioned or bool(
            mark["control"] and after.strip() and not after.lstrip().startswith("<")
        )


def without_reasoning(text: str) -> str:
    """Returns the answer in a complete `text`."""
    reader, answer = AnswerText(), ""
    for part in (*reader.feed(text), *reader.rest()):
        answer = part.text if part.starts_over else answer + part.text
    return answer


def _bare_reasoning(text: str) -> int | None:
    """Returns where a bare analysis channel at the start of `text` ends, or 0 while it is unknown.

    None: the text starts with something else.
    """
    start = text.lstrip()
    word = start[len(_BARE_REASONING) : len(_BARE_REASONING) + 1]
    if not start.startswith(_BARE_REASONING):
        # Shorter beginnings are shown at once: the word is one token, which is seldom cut in two.
        return 0 if len(start) > 3 and _BARE_REASONING.startswith(start) else None
    if word and not word.isupper():
        return None
    reasoning, answer, _ = text.partition(_BARE_ANSWER)
    return len(reasoning + answer) if answer else 0
