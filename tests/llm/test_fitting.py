"""What a prompt that is too long loses, and in which order; how tokens are estimated and corrected."""

from __future__ import annotations

import re
import uuid
from pathlib import Path

import pytest

from agent.exceptions import BudgetExceeded
from agent.llm.base import Context, HistoryMessage, MemoryBrief, TaskBrief
from agent.llm.fitting import Fitted, Prompt, fit
from agent.llm.openai import _as_text
from agent.llm.tokens import estimate
from agent.llm.windows import MAX_RATIO, MIN_RATIO, Window, room
from agent.pipeline.planner import tool_specs

DOCS = Path(__file__).resolve().parents[2] / "docs" / "models.md"
MESSAGE = "Please add the reminder. " * 40


def task(name: str, status: str = "pending") -> TaskBrief:
    return TaskBrief(name, f"Title {name}", status, "low", f"Described {name} " + "at length " * 30)


FULL = Context(
    MESSAGE,
    "Clinic",
    "The described project " * 20,
    history=tuple(
        HistoryMessage("user", f"Said {n} " + "and so on " * 150 + f"Ended {n}") for n in range(10)
    ),
    summary="Summed up " * 20,
    memories=tuple(MemoryBrief(f"m{n}", f"Memory {n}", "Known " * 20, "fact") for n in range(8)),
    tasks=tuple(task(f"o{n}") for n in range(30)),
    completed=tuple(task(f"c{n}", "completed") for n in range(6)),
    recent_tasks=tuple(task(f"r{n}") for n in range(5)),
    recent_memories=tuple(MemoryBrief(f"n{n}", f"New {n}", "Fresh", "note") for n in range(5)),
    focus=task("f"),
)
OUTCOME = {
    "question": "",
    "steps": [
        {
            "status": "succeeded",
            "description": "Search",
            "tool": "search_tasks",
            "arguments": "{}",
            "result": "found " * 200 + "the last",
            "error": "",
        }
    ],
}
PROMPT = Prompt("answer", FULL, {"outcome": OUTCOME})


def text_of(fitted: Fitted) -> str:
    return "\n".join(turn["content"] for turn in fitted.turns)


# What disappears, in order; each is a text of the prompt, and the last part of its group to go.
ORDER = (
    "Said 0 ",
    "Said 5 ",
    "[c5]",
    "[c0]",
    "[m7]",
    "[m4]",
    "Ended 9",
    "[o29]",
    "[o20]",
    "[r4]",
    "[n3]",
    "found the last",
    "Said 6 ",
    "Said 9 ",
    "[m0]",
    "[o19]",
    "[o0]",
    "[r0]",
    "[n0]",
    "Summed up",
    "The described project",
    "Described f",
)


def test_parts_are_left_out_in_the_fixed_order() -> None:
    whole = fit(PROMPT, None)
    assert whole.left_out == ""
    assert all(part in text_of(whole) for part in ORDER)
    gone: list[str] = []
    for limit in range(whole.tokens, 0, -50):
        text = text_of(fit(PROMPT, limit))
        gone += [part for part in ORDER if part not in text and part not in gone]
        assert all(part not in text for part in gone)  # and it stays gone
    assert gone == list(ORDER)


@pytest.mark.parametrize("limit", [0, 1, 400, 1_000, 3_000, 10_000])
def test_the_message_and_the_instructions_are_never_shortened(limit: int) -> None:
    whole, fitted = fit(PROMPT, None), fit(PROMPT, limit)
    assert fitted.turns[0] == whole.turns[0]
    assert MESSAGE.strip() in fitted.turns[1]["content"]
    assert "succeeded: Search" in fitted.turns[1]["content"]


@pytest.mark.parametrize("limit", range(1_200, 10_000, 800))
def test_the_prompt_fits_and_the_room_is_used(limit: int) -> None:
    fitted = fit(PROMPT, limit)
    assert limit * 0.75 < fitted.tokens <= limit or not fitted.left_out


def test_what_is_left_out_is_counted_in_words() -> None:
    fitted = fit(PROMPT, 2_800)
    assert fitted.left_out == (
        "10 older messages, 6 completed tasks, 4 memories, the descriptions of 20 tasks, 10 open tasks,"
        " 2 recently changed tasks, 2 recently changed memories, part of 1 result"
    )
    assert fitted.left_out in text_of(fitted)
    assert fit(Prompt("analyze", Context("Hello", "Clinic"), {}), 10).left_out == ""


def test_a_text_that_is_cut_says_so_with_its_whole_length() -> None:
    long = TaskBrief("t1", "Pay", "pending", "low", "Scenario " * 400)
    focus = TaskBrief("t2", "Book", "pending", "low", "Scenario " * 400)
    context = Context("Hello", "Clinic", tasks=(long,), focus=focus)
    whole = fit(Prompt("plan", context, {}), None)
    assert "… [cut: 500 of 3,600 characters]" in text_of(whole)
    assert whole.context["focus"]["description"] == long.description  # the task it is about
    shorter = fit(Prompt("plan", context, {}), whole.tokens - 50)
    assert "… [cut: 100 of 3,600 characters]" in text_of(shorter)


def test_the_tools_lose_their_details_before_the_last_tasks_go() -> None:
    tools = [_as_text(tool) for tool in tool_specs()]
    prompt = Prompt("plan", FULL, {"tools": tools})
    least = fit(Prompt("plan", Context(MESSAGE, "Clinic"), {"tools": tools}), 0)
    fitted = fit(prompt, least.tokens + 1_500)
    assert "create_tasks: Creates several tasks" in text_of(fitted)
    assert "priority?: low|medium|high" in text_of(fitted)
    assert "Short and imperative" not in text_of(fitted)
    assert "[o0]" in text_of(fitted)
    assert "Short and imperative" in text_of(fit(prompt, None))


def test_an_invalid_answer_is_shortened_for_its_repair() -> None:
    added = ({"role": "assistant", "content": "x, " * 5_000}, {"role": "user", "content": "Again"})
    fitted = fit(Prompt("analyze", Context("Hello", "Clinic"), {}, added=added), 2_000)
    assert fitted.tokens <= 2_000
    assert [turn["role"] for turn in fitted.turns] == ["system", "user", "assistant", "user"]
    assert fitted.turns[3]["content"] == "Again"


def test_a_prompt_may_be_fitted_again() -> None:
    first = fit(PROMPT, 2_000)
    assert fit(PROMPT, 2_000) == first
    assert fit(PROMPT, None).left_out == ""


def test_the_docs_list_every_part() -> None:
    order = DOCS.read_text().partition("loses parts of its data")[2].partition("## ")[0]
    assert re.findall(r"^(\d+)\. ", order, re.MULTILINE) == [str(n) for n in range(1, 15)]


# -- tokens ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "least", "most"),  # of what the tokenizers of common models make of it
    [
        ("", 0, 0),
        ("The quick brown fox jumps over the lazy dog. " * 10, 91, 120),
        ("internationalization of authentication", 4, 8),
        ("日本語の文章を書きます。" * 10, 80, 180),
        ("今天我们讨论了诊所的预约。" * 10, 80, 180),
        ("오늘은 예약 시스템을 만듭니다. " * 10, 80, 180),
        ("Мы делаем систему записи. " * 10, 60, 180),
        ("Χρειαζόμαστε ραντεβού. " * 10, 60, 220),
        ("نحتاج إلى نظام حجز. " * 10, 60, 180),
        ("हमें बुकिंग चाहिए। " * 10, 60, 240),
        ("👩‍⚕️🙂🎉", 6, 30),
        ("1234567890", 4, 10),
        (str(uuid.UUID(int=0x1234567890ABCDEF1234567890ABCDEF)), 18, 36),
        ('{"type":"object","properties":{"a":{"type":"string"}}}', 15, 35),
        ("\n\n\n   \n" * 5, 1, 20),
        ("𐎀" * 10, 10, 40),  # a script that no tokenizer knows
    ],
)
def test_an_estimate_is_high_rather_than_low(text: str, least: int, most: int) -> None:
    assert least <= estimate(text) <= most


def test_a_higher_count_is_followed_at_once_and_a_lower_one_slowly() -> None:
    window = Window()
    window.counted(1_500, 1_000)
    assert window.ratio == 1.5
    window.counted(1_000, 1_000)
    assert window.ratio == 1.25
    window.counted(2_000, 1_000)
    assert window.ratio == 2.0
    window.counted(90_000, 1_000)
    assert window.ratio == MAX_RATIO


@pytest.mark.parametrize("count", [0, 10, 499])
def test_a_count_that_cannot_be_of_the_prompt_is_ignored(count: int) -> None:
    window = Window()
    window.counted(count, 1_000)
    assert (window.ratio, window.size) == (1.0, None)
    assert MIN_RATIO == 0.5


@pytest.mark.parametrize(
    ("counts", "size"),
    [
        ([4_096], 4_096),
        ([2_048], 2_048),
        ([5_120], 5_120),
        ([3_000, 3_000], 3_000),
        ([7_000, 7_000], 7_000),
        ([3_000, 3_001], None),
        ([100, 100], None),
        ([13_000], None),
    ],
)
def test_the_count_of_a_prompt_that_was_cut_is_the_window(
    counts: list[int], size: int | None
) -> None:
    window = Window()
    cut = [window.counted(count, 12_000 + 1_000 * n) for n, count in enumerate(counts)]
    assert window.size == size
    assert cut[-1] == (size is not None)


def test_two_counts_of_one_prompt_are_no_window() -> None:
    window = Window()
    assert not any(window.counted(3_000, 12_000) for _ in range(3))
    assert window.size is None


def test_a_refusal_always_makes_the_next_prompt_shorter() -> None:
    for error in (
        BudgetExceeded("too long"),
        BudgetExceeded("too long", 8_192),
        BudgetExceeded("too long", 8_192, 9_000),
        BudgetExceeded("too long", 8_192, 8_000),  # the server keeps more for the answer
        BudgetExceeded("too long", 3),
    ):
        window, sent = Window(), 7_000
        for _ in range(3):
            window.refused(error, sent)
            assert window.size is not None
            limit = int(room(window.size) / window.ratio)
            assert limit < sent
            sent = limit


def test_a_large_window_keeps_a_fixed_room_for_the_answer() -> None:
    assert (room(4_096), room(8_192), room(200_000)) == (3_072, 6_144, 184_000)
