"""A model server with a small window: it counts the tokens of each prompt, and refuses those above it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from agent.llm.base import Context, HistoryMessage, MemoryBrief, TaskBrief
from agent.llm.openai import OpenAIModel
from tests.support.model_server import Answer, Handler, Request, as_json, by_schema
from tests.support.model_talk import ANALYSIS, ANALYZED, NOTHING

Refusal = Callable[[int, int], Answer]  # of a prompt's tokens and the window


def tokens_of(text: str) -> int:
    """One token for each character that is not ASCII, and for four that are."""
    others = sum(sign > "\x7f" for sign in text)
    return others + -(-(len(text) - others) // 4)


def refusal(prompt: int, window: int) -> Answer:
    text = (
        f"This model's maximum context length is {window} tokens. However, your messages resulted in"
        f" {prompt} tokens. Please reduce the length of the messages."
    )
    return as_json({"error": {"message": text, "code": "context_length_exceeded"}}, 400)


@dataclass
class SmallWindow:
    """A handler: answers like `handler` what fits into `window`, and counts it if `reports`.

    `cuts`: it refuses nothing, but reads and counts only what fits, as if it had been sent that.
    """

    handler: Handler
    window: int
    refuse: Refusal = refusal
    reports: bool = True
    cuts: bool = False
    sent: list[tuple[int, bool]] = field(default_factory=list)  # tokens, and whether it fitted

    def __call__(self, request: Request) -> Answer:
        tokens = sum(tokens_of(turn["content"]) for turn in request.body["messages"])
        fits = tokens <= self.window
        self.sent.append((tokens, fits))
        if not fits and not self.cuts:
            return self.refuse(tokens, self.window)
        answer = self.handler(request)
        answer.parts = [
            self._counted(part, min(tokens, self.window)) if isinstance(part, bytes) else part
            for part in answer.parts
        ]
        return answer

    @property
    def refused(self) -> int:
        return sum(not fits for _, fits in self.sent)

    def _counted(self, part: bytes, tokens: int) -> bytes:
        """Puts the count into the answer's usage, or takes the usage away."""
        start = b"data: " if part.startswith(b"data: ") else b""
        try:
            body = json.loads(part.removeprefix(start))
        except ValueError:
            return part
        if body.pop("usage", None) and self.reports:
            body["usage"] = {"prompt_tokens": tokens, "completion_tokens": 5}
        end = b"\n\n" if start else b""
        return start + json.dumps(body).encode() + end


ANSWERS = by_schema(analysis=ANALYSIS, answer="One two.", memory={"notes": []})


def large(text: str = "We talked about the appointments of the clinic. ") -> Context:
    """A context of far more tokens than a small window has."""
    tasks = [TaskBrief(f"t{n}", f"Task {n}", "pending", "low", text * 5) for n in range(60)]
    return Context(
        "What is open?",
        "Clinic booking",
        text,
        history=tuple(HistoryMessage("user", f"{n}: {text * 10}") for n in range(20)),
        memories=tuple(MemoryBrief(f"m{n}", f"Memory {n}", text, "fact") for n in range(12)),
        tasks=tuple(tasks),
        completed=tuple(TaskBrief(f"c{n}", f"Done {n}", "completed", "low") for n in range(20)),
    )


async def spoken(model: OpenAIModel, context: Context) -> str:
    return "".join([str(piece) async for piece in model.answer(context, ANALYZED, NOTHING)])
