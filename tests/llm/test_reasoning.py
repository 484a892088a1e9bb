"""Thoughts and control tokens are no part of an answer; text about them is."""

from __future__ import annotations

import pytest

from agent.llm.reasoning import AnswerText

ANSWERS = {
    # thoughts in tags
    "<think>hm</think>\n\nYes.": "Yes.",
    "<thought>x</thought>A": "A",
    "<thinking>x</thinking>A": "A",
    "<reasoning>x</reasoning>A": "A",
    "[THINK]x[/THINK]A": "A",
    "<seed:think>x</seed:think>A": "A",
    "◁think▷x◁/think▷A": "A",
    '<think time="3">x</think>A': "A",
    "<Think>\nx\n</Think>\nA": "A",
    # the template opened the thought
    "I ponder.</think>Answer.": "Answer.",
    "I ponder\n</think>\n\nAnswer.": "Answer.",
    "I ponder [/THINK] Answer.": "Answer.",
    "a thought</think>\n\nA\n\nanother</think>B": "B",
    # channels
    "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>A<|return|>": "A",
    "<|start|>assistant<|channel|>analysis<|message|>hm<|end|><|start|>assistant"
    "<|channel|>commentary<|message|>c<|end|><|start|>assistant<|channel|>final<|message|>A": "A",
    "<|channel|>final<|message|>A<|end|>": "A",
    # a second thought, and one behind a first word
    "<think>a</think>One.\n<think>b</think>\nTwo.": "One.\n\nTwo.",
    "Sure!<think>hm</think> Done.": "Sure! Done.",
    "Sure! <think>hm</think>Done.": "Sure! Done.",
    "Sure!\n<think>hm</think>\nDone.": "Sure!\n\nDone.",
    # a thought that speaks of its own end
    "<think>I close with `</think>` then.</think>Answer": "Answer",
    # control tokens at the end
    "Answer.<|im_end|>": "Answer.",
    "Answer.</s>": "Answer.",
    "Answer.<|eot_id|>\n": "Answer.",
    "Answer.<|end|><|endoftext|>": "Answer.",
    # text about them stays
    "Use `<think>` and `</think>` tags.": "Use `<think>` and `</think>` tags.",
    "The <think> tag opens, the </think> tag closes.": (
        "The <think> tag opens, the </think> tag closes."
    ),
    "Models write </think>, then the answer.": "Models write </think>, then the answer.",
    "```xml\n<think>\nx\n</think>\n```\nDone": "```xml\n<think>\nx\n</think>\n```\nDone",
    "~~~\n<think>\n\nx\n</think>\n~~~\nDone": "~~~\n<think>\n\nx\n</think>\n~~~\nDone",
    "Tags:\n- <think>\n- </think>\nEnd": "Tags:\n- <think>\n- </think>\nEnd",
    "The token <|im_end|> ends a turn.": "The token <|im_end|> ends a turn.",
    "A <think>b</think>": "A <think>b</think>",
    "<s>old</s> new": "<s>old</s> new",
    "a `b and <think>x</think>": "a `b and <think>x</think>",
    "analysis of the board: fine": "analysis of the board: fine",
    "analysisMode stays": "analysisMode stays",
    # code before a thought does not hide it
    "- a\n\n```\ncode\n```\n\n<think>z</think>end": "- a\n\n```\ncode\n```\n\nend",
    # what is only begun, and what is all there is
    "<the end>": "<the end>",
    "<think": "<think",
    "Only an answer</think>": "Only an answer",
    "<think>never closed": "",
    "": "",
}


def read(text: str, size: int) -> str:
    """Feeds `text` in pieces of `size` characters, as a page puts them together."""
    reader, shown = AnswerText(), ""
    pieces = [text[place : place + size] for place in range(0, len(text), size)]
    parts = [part for piece in pieces for part in reader.feed(piece)]
    for part in [*parts, *reader.rest()]:
        shown = part.text if part.starts_over else shown + part.text
    return shown.strip()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(("text", "answer"), ANSWERS.items())
def test_the_answer_is_found_in_pieces_of_any_size(text: str, answer: str, size: int) -> None:
    assert read(text, size) == answer


@pytest.mark.parametrize("size", [4, 7, 1000])
def test_a_bare_analysis_channel_is_a_thought(size: int) -> None:
    assert read("analysisI think so.assistantfinalAnswer.", size) == "Answer."


def test_what_was_shown_before_the_end_of_an_unopened_thought_is_taken_back() -> None:
    reader = AnswerText()
    assert [part.text for part in reader.feed("I ponder.")] == ["I ponder."]
    parts = [*reader.feed("</think>Answer."), *reader.rest()]
    assert [part.starts_over for part in parts] == [True, False]
    assert reader.reasoned
