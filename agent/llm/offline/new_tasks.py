"""New tasks, and titles out of free words: whole, or not at all. What might say more is no part of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.llm.base import TaskBrief
from agent.llm.offline.grammar import DETAILS
from agent.llm.offline.matching import Gaps, Tokens, key_of, matches
from agent.llm.offline.names import Board, Entry, split
from agent.llm.offline.plan import LONGEST_LIST, Impossible, Plan
from agent.llm.offline.tokens import text_of, words_of
from agent.llm.offline.vocabulary import COUNT, OPEN, PRIORITY, word_set
from agent.shorten import shorten
from agent.support.words import same_text

MAX_TITLE = 200
_EDGES = " \t.,;:!-–—•"
# Outside quotes a title has none of these words, which may say something else than the title does.
_MORE = word_set(
    "depends depend depending needs requires waits blocks belongs which whose who that because since "
    "unless otherwise whereas then but except without if when while where so also not don't assign "
    "assigned remind schedule due deadline priority prio each every it its this them these those him her "
    "he she they we you i today tomorrow tonight monday tuesday wednesday thursday friday saturday sunday "
    "another one subtask sub-task , : ; ( ) @"
)
# Nor these with a word behind them, which may be another task.
_ORDER = word_set("after before once until under")
_NO_TITLE = word_set("list the next on by for all any")


@dataclass(eq=False)
class Misread(Exception):
    """Words that are no part of a title, and of nothing else that is understood."""

    understood: str
    rest: str
    hint: str = ""  # what to say instead


def details(tokens: Tokens) -> Gaps:
    """Returns the title of a new task, and what is said of it behind that."""
    while tokens and not tokens[-1].is_word:
        tokens = tokens[:-1]
    for form in DETAILS:
        for gaps in matches(form.pattern, tokens)[:1]:
            return {**gaps, **details(gaps["title"])}
    return {"title": tokens}


def title(tokens: Tokens) -> str:
    """Returns the title that `tokens` are. Raises Misread."""
    text = text_of(tokens)
    if len(tokens) == 1 and tokens[0].quoted:
        return _checked(" ".join(tokens[0].text.split()))
    if tokens[0].key == "-" or tokens[0].items:
        raise Misread("", text, "I take lists of one level.")
    if tokens[-1].key in _NO_TITLE or tokens[0].key in _MORE:
        raise Misread("", text, "Please say what is to be done, one task at a time.")
    for at, token in enumerate(tokens):
        is_more = token.key in _MORE or (at and token.quoted) or token.key.startswith("@")
        if is_more or (token.key in _ORDER and at and at + 1 < len(tokens)):
            whole = text.replace('"', "'")
            hint = f"If all of it is the title, put it into quotes: “{whole}”."
            raise Misread(text_of(tokens[:at]), text_of(tokens[at:]), hint)
    return _checked(without_article(text.strip(_EDGES)))


def free_text(tokens: Tokens) -> str:
    """Returns what was said, without the quotes around it."""
    is_quoted = len(tokens) == 1 and tokens[0].quoted
    return tokens[0].text if is_quoted else text_of(tokens)


def _checked(text: str) -> str:
    if not 1 <= len(text) <= MAX_TITLE or not any(map(str.isalnum, text)):
        what = f"A title has 1 to {MAX_TITLE} characters, with a letter or a number in it."
        raise Misread("", shorten(text, 60) or "the title", what)
    return capitalised(text)


def capitalised(text: str) -> str:
    """Returns `text` with a capital first letter; names such as "iPhone" stay as they are."""
    is_name = text[:1].islower() and text[1:2].isupper()
    return text if is_name else text[:1].upper() + text[1:]


def without_article(text: str) -> str:
    first, _, rest = text.partition(" ")
    return rest if rest and first.casefold() in ("the", "a", "an") else text


def sentence(text: str) -> str:
    """Returns `text` as a sentence: a capital first letter and a stop at its end."""
    line = capitalised(text.strip().rstrip(",;:"))
    return line if line.endswith((".", "!", "?", "…", "。", "”")) else line + "."


def create(board: Board, plan: Plan, gaps: Gaps) -> None:
    """Adds the tasks that are asked for to the board and to the plan.

    Raises Unclear, NotFound, Misread or Impossible before anything is added.
    """
    items = _items(gaps["items"]) if "items" in gaps else [gaps["title"]]
    level = {"priority": gaps["priority"]} if "priority" in gaps else {}
    asked = [(title(said["title"]), {**said, **level}) for said in map(details, items)]
    if "number" in gaps and len(asked) != COUNT[key_of(gaps["number"])]:
        said = f"You said {key_of(gaps['number'])} tasks, and I count {len(asked)}."
        raise Impossible(f"{said} Please list one a line.")
    parent = board.one(gaps["parent"]) if "parent" in gaps else None
    new = [task for task in asked if not _is_there(task[0], board, plan)]
    if new:
        _add(board, plan, new, parent)


def _items(tokens: Tokens) -> list[Tokens]:
    items = [words_of(item) for item in tokens[0].items] or _comma_items(tokens)
    if len(items) == 1 and not tokens[0].items:
        raise Misread("", text_of(tokens), "A list has commas, or an item on each line.")
    if len(items) > LONGEST_LIST:
        raise Impossible(f"A list of {len(items)} items is too long; {LONGEST_LIST} are read.")
    return items


def _comma_items(tokens: Tokens) -> list[Tokens]:
    """Returns the items of "alpha, beta and gamma"; in "alpha; beta" an "and" is no sign."""
    if any(token.key == ";" for token in tokens):
        return split(tokens, ";")
    *items, last = split(tokens, ",")
    joins = [at for at, token in enumerate(last) if token.key in ("and", "&")]
    at = joins[-1] if joins else 0
    return [*items, *(part for part in (last[:at], last[at + bool(joins) :]) if part)]


def _is_there(name: str, board: Board, plan: Plan) -> bool:
    """Tells whether the board has an open task of this name, which is not made twice."""
    wanted = same_text(name)
    for entry in board.entries.values():
        if entry.task.status in OPEN and same_text(entry.title) == wanted:
            board.add(entry)  # what the message says of its own tasks means this one
            plan.say(f"“{entry.title}” is on the board already; I did not make it twice.")
            return True
    return False


def _add(board: Board, plan: Plan, asked: Sequence[tuple[str, Gaps]], parent: Entry | None) -> None:
    """Adds the tasks with these titles, and with what was said of each behind its title."""
    items, entries, others = [], [], [parent] if parent else []
    within, key = (parent.reference, parent.key) if parent else (None, None)
    for name, said in asked:
        needed = board.several(said["on"]) if "on" in said else []
        priority = PRIORITY[key_of(said["priority"])] if "priority" in said else None
        on = [other.reference for other in needed]
        given = {"title": name, "priority": priority, "depends_on": on, "parent": within}
        items.append({name: value for name, value in given.items() if value})
        keys = tuple(other.key for other in needed)
        entries.append(Entry("", TaskBrief("", name, "pending", "medium", "", key, keys)))
        others += needed
    if len(items) == 1:
        step = plan.add("create_task", f"Create “{entries[0].title}”", items[0], (), others)
    else:
        step = plan.add("create_tasks", f"Create {len(items)} tasks", {"tasks": items}, (), others)
    for place, entry in enumerate(entries):
        entry.step = step
        entry.key = f"{step}.task_id" if len(items) == 1 else f"{step}.task_ids.{place}"
    board.add(*entries)
