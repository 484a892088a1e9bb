"""How model servers answer, row by row of the table in docs/models.md, and what is to come of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.exceptions import ModelError, ModelInvalid, ModelRefused, ModelTruncated
from tests.support.model_server import (
    USED,
    Answer,
    as_json,
    chunk,
    completion,
    error,
    events,
    said,
    stream,
    words,
)

WHOLE = "One two."


@dataclass(frozen=True)
class Case:
    """`row`: the first cell of the table's row. `answers`: one for each request of one answer."""

    row: str
    answers: Sequence[Answer]
    text: str = WHOLE
    error: type[ModelError] | None = None
    says: str = ""
    sent: Sequence[dict[str, Any]] = field(default_factory=tuple)


def pieces(*items: Any, done: bool = True) -> Answer:
    return events(items, done=done)


def reason(word: str) -> Answer:
    return pieces(chunk("One "), chunk("two."), chunk(finish_reason=word))


EACH = "sends `stop` with each piece"
THINKING = "sends `stop` with a thought, and the answer after it"
NULL = 'sends `"null"` as the reason of each piece'
NO_REASON = "ends with `[DONE]` and no reason"
BROKEN = "ends without a reason and without `[DONE]`"
CUT = "ends for the length, in any word"
GAVE_UP = "gives up, in any word"
UNKNOWN = "ends with a word that nobody knows"
HELD = "holds the answer back, in any word"
VERIFIED = "refuses to stream"
ONE_JSON = "answers a request for a stream with one JSON"
SYSTEM = "refuses the role `system`"
PIECES = "streams JSON"
THOUGHT = "writes thoughts into the answer, in any tags"
ONLY_THOUGHT = "only thinks"
TOKENS = "leaves control tokens at the end"
PATH = "does not know the path of the request"

CASES = [
    # a pause longer than `USAGE_TIMEOUT` lies between the pieces
    Case(EACH, [pieces(chunk("One ", "stop"), 0.4, chunk("two.", "stop"))]),
    Case(EACH, [pieces(chunk("One", "stop"), 0.4, chunk(" two", "stop"), 0.4, chunk(".", "STOP"))]),
    Case(
        EACH,
        [
            pieces(
                chunk("One ", "stop"), chunk("", "stop"), 0.1, chunk("two."), 0.4, chunk("", "stop")
            )
        ],
    ),
    Case(EACH, [pieces(chunk("One ", "end_turn"), 0.4, chunk("two.", "end_turn"), done=False)]),
    Case(THINKING, [pieces(chunk("<think>hm</think>", "stop"), 0.4, chunk("One two.", "stop"))]),
    Case(
        THINKING,
        [pieces(chunk(None, "stop", reasoning_content="hm"), 0.4, chunk("One two.", "stop"))],
    ),
    Case(
        THINKING,
        [pieces(chunk("", "stop", reasoning="hm"), 0.4, chunk("One "), chunk("two.", "stop"))],
    ),
    Case(NULL, [pieces(chunk("One ", "null"), chunk("two.", "null"), chunk("", "stop"))]),
    Case(NULL, [pieces(chunk("One ", "None"), chunk("two.", "NULL"))]),
    Case(NULL, [pieces(chunk("One ", "FINISH_REASON_UNSPECIFIED"), chunk("two.", "stop"))]),
    *(
        Case(CUT, [reason(word)], WHOLE, ModelTruncated, "maximum length")
        for word in (
            "length",
            "MAX_TOKENS",
            "max_tokens",
            "LENGTH",
            "model_length",
            "max-output-tokens",
        )
    ),
    *(
        Case(HELD, [reason(word)], WHOLE, ModelRefused, "content filter")
        for word in (
            "SAFETY",
            "content-filter",
            "content_filter",
            "RECITATION",
            "FINISH_REASON_SAFETY",
            "refusal",
        )
    ),
    *(
        Case(GAVE_UP, [reason(word)], WHOLE, ModelTruncated, "server had an error")
        for word in ("insufficient_system_resource", "error", "ABORT", "cancelled")
    ),
    *(
        Case(UNKNOWN, [reason(word)], WHOLE, ModelTruncated, word)
        for word in ("eaten_by_bears", "?", "Quota Reached")
    ),
    Case(NO_REASON, [pieces(chunk("One "), chunk("two."))]),
    Case(NO_REASON, [pieces(chunk("One two."), USED)]),
    Case(NO_REASON, [pieces(chunk("One "), chunk("two.", ""))]),
    Case(
        BROKEN,
        [pieces(chunk("One "), chunk("two."), done=False)],
        WHOLE,
        ModelTruncated,
        "is incomplete",
    ),
    Case(
        BROKEN,
        [pieces(chunk("One two."), USED, done=False)],
        WHOLE,
        ModelTruncated,
        "is incomplete",
    ),
    Case(
        BROKEN,
        [pieces(chunk("One two.", "null"), done=False)],
        WHOLE,
        ModelTruncated,
        "is incomplete",
    ),
    Case(
        VERIFIED,
        [error(400, "Your organization must be verified to stream this model."), said(WHOLE)],
        sent=[{"stream": True}, {"stream": False}],
    ),
    Case(
        VERIFIED,
        [
            error(400, "Unsupported value: 'stream' does not support true with this model."),
            said(WHOLE),
        ],
        sent=[{"stream": True}, {"stream": False}],
    ),
    Case(
        VERIFIED,
        [error(422, "streaming is not enabled"), said(WHOLE)],
        sent=[{"stream": True}, {"stream": False}],
    ),
    Case(
        VERIFIED,
        [error(403, "stream is not allowed for this key"), said(f"<think>hm</think>{WHOLE}")],
    ),
    Case(ONE_JSON, [said(WHOLE)]),
    Case(
        ONE_JSON,
        [
            as_json(
                completion(
                    {
                        "message": {"content": [{"type": "text", "text": WHOLE}]},
                        "finish_reason": "STOP",
                    }
                )
            )
        ],
    ),
    Case(ONE_JSON, [said(WHOLE, None)]),
    Case(ONE_JSON, [said(WHOLE, "length")], WHOLE, ModelTruncated, "maximum length"),
    Case(SYSTEM, [error(400, "System role not supported"), words(WHOLE)]),
    Case(
        SYSTEM,
        [
            error(500, "Value is not callable: raise_exception('System role not supported')"),
            words(WHOLE),
        ],
    ),
    Case(
        SYSTEM,
        [
            error(400, "Conversation roles must alternate user/assistant/user/assistant/..."),
            words(WHOLE),
        ],
    ),
    Case(SYSTEM, [error(422, "messages[0].role: system messages are not allowed"), words(WHOLE)]),
    Case(THOUGHT, [stream("I ponder.", "</think>", WHOLE)]),
    Case(THOUGHT, [stream("<tho", "ught>hm</thou", "ght>One ", "two.")]),
    Case(
        THOUGHT,
        [
            stream(
                "<|channel|>analysis<|message|>hm<|end|>",
                "<|start|>assistant",
                "<|channel|>final<|message|>One two.",
            )
        ],
    ),
    Case(THOUGHT, [pieces(chunk(None, reasoning_content="hm"), chunk(WHOLE), chunk(None, "stop"))]),
    Case(ONLY_THOUGHT, [stream("<think>hm")], "", ModelInvalid, "only reasoning"),
    Case(
        ONLY_THOUGHT,
        [pieces(chunk(None, reasoning_content="hm"), chunk(None, "stop"))],
        "",
        ModelInvalid,
        "only reasoning",
    ),
    Case(
        ONLY_THOUGHT,
        [pieces(chunk(None, reasoning="hm"), chunk("", "stop"))],
        "",
        ModelInvalid,
        "only reasoning",
    ),
    Case(
        ONLY_THOUGHT,
        [error(400, "cannot stream"), said("<think>hm</think>")],
        "",
        ModelInvalid,
        "only reasoning",
    ),
    Case(PATH, [as_json({"error": "Unexpected endpoint or method."})], "", ModelRefused, "URL"),
    Case(PATH, [as_json({"detail": "Not Found"}, 404)], "", ModelRefused, "OPENAI_BASE_URL"),
    Case(PATH, [error(405, "Method Not Allowed")], "", ModelRefused, "OPENAI_BASE_URL"),
    Case(TOKENS, [stream("One two.", "<|im_end|>")]),
    Case(TOKENS, [stream("One two.</s>")]),
    Case(TOKENS, [stream("One two.<|eot_", "id|>")]),
]
