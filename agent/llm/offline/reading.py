"""Reads a message: text in, clauses with their wishes out. Looks at nothing but the text."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from itertools import groupby
from typing import Any

from agent.llm.offline import (
    beyond,
    commands,
    creating,
    lists,
    questions,
    remember,
    requirements,
    specifying,
    vocabulary,
)
from agent.llm.offline.sentences import MASK, Listing, Masked, Part, clauses, mask, parts
from agent.llm.offline.wishes import (
    Clause,
    CreateTask,
    CreateTasks,
    DeleteTasks,
    NotUnderstood,
    Requirement,
    Unclear,
    Wish,
)

# Far more than a plan has steps; what is beyond is not read, and that is said.
MAX_CLAUSES = 200
MAX_ITEMS = 1900  # 19 steps of 100 tasks each

_VERB = (
    r"(?:create|add|mark|set|move|change|delete|remove|drop|finish|complete|start|block|unblock"
    r"|rename|remember|reopen|close"
    r"|forget|prioriti[sz]e|describe|show|list|raise|lower|update|make|search|note)"
)
_WEAK = re.compile(rf"{_VERB} \S", re.I)
_STRONG = re.compile(
    r"(?:"
    r"(?:create|add|make|open|new|another) (?:(?:an?|another|the|one|two|three|four|five|\d+|some"
    r"|new) )?(?:[\w-]+ ){0,3}?"
    r"(?:sub-?)?(?:tasks?|to-?dos?|tickets?)\b"
    rf"|(?:mark|set|move|change|put) .{{1,150}}? (?:as|to|into|in)? ?(?:{vocabulary.S}"
    rf"|(?:{vocabulary.P})(?: priority)?)\b"
    rf"|(?:delete|remove|drop|finish|complete|start|block|close|reopen|prioriti[sz]e) (?:(?:the"
    rf"|that|this) .{{0,100}}?tasks?\b|it\b|that\b|them\b|{MASK})"
    rf"|an? (?:new )?task (?:to|for|called|named|{MASK})"
    r"|rename .{1,150}? to "
    r"|(?:remember|keep in mind|don['’]t forget|note)(?: that\b|:| we\b| i\b)"
    r"|(?:i|we) (?:(?:always|never|also|all) )*(?:prefer|decided|chose|agreed|picked|settled"
    r"|always|never|like to|need|want)\b"
    r"|(?:i['’]d rather|we(?:['’]re| are) going with|we['’]ve decided|we have decided|we['’]ll "
    r"use|we will use|let['’]?s (?:go with|use))\b"
    r"|(?:make|give|set|raise) .{1,120}? (?:high|medium|low)(?:er)?[ -]priority"
    r"|[^,;]{1,80}? depends? on \S"
    r"|(?:put|move|make|group) .{1,150}? (?:under|before|after|a sub-?task of|part of) \S"
    r"|forget (?:about |that |the )"
    r"|(?:show|list|tell) (?:me |us )?(?:all |the |open |what)"
    r"|what(?:['’]s| is| are| did| do| was) |which (?:tasks|are)|how many "
    r")",
    re.I,
)
# After these a text follows that may hold verbs of its own.
_FREE = re.compile(
    r"(?:please |can you |could you |also )*(?:(?:create|add|new|make|open|remember|note|keep|i"
    r"|we|let|it|there|users?|as|decision)\b|the team)",
    re.I,
)


# What people shall be able to do may be several things.
_WISHED = re.compile(
    r"\b(?:should|must|shall|can|could|needs? to|has to|have to|able to|wants? to)\b", re.I
)

# With one of these a clause may begin; the rules above are asked only then.
_FIRST = re.compile(r"[a-z]+", re.I)
_STARTS = (
    "a an one create add make open new another mark set move change put delete remove drop finish "
    "complete "
    "start block unblock close reopen prioritise prioritize rename remember keep don note i "
    "we let "
    "group give raise lower forget show list tell what which how describe update search please can "
    "could "
    "would will also then now just go"
)
_BEGINNINGS = frozenset(_STARTS.split())
_ONE = re.compile(r"(?:another |a third |a second )?one (?P<joiner>to|for|called|named) ", re.I)
_STORY = re.compile(r"as an? [^,]{1,60}$", re.I)  # "As a patient, I want ..." is one clause


@dataclass(frozen=True, slots=True)
class Reading:
    """`whole`: nothing was left out for its length."""

    clauses: tuple[Clause, ...]
    whole: bool = True


def read(message: str) -> Reading:
    masked = mask(message.strip())
    text = masked.text
    if (
        len(masked.pieces) == 1
        and re.fullmatch(MASK, text)
        and not masked.pieces[0].startswith("`")
    ):
        masked = mask(masked.pieces[0][1:-1])  # an example, copied with its quotes
        text = masked.text
    found: list[Clause] = []
    for number, part in enumerate(parts(text, _begins_anew)):
        if len(found) >= MAX_CLAUSES:
            return Reading(_finished(_gathered(found[:MAX_CLAUSES]), masked), whole=False)
        read_now = _listing(part, number) if isinstance(part, Listing) else _sentence(part, number)
        if not _goes_on(found, part, read_now):
            found.extend(read_now)
    return Reading(_finished(_gathered(found), masked))


def _goes_on(found: list[Clause], part: Part, read_now: list[Clause]) -> bool:
    """Adds `part` to the requirement before it, when it is a sentence that says more about that."""
    if not found:
        return False
    if isinstance(part, Listing):
        texts = [item.text for item in part.items]
        more = requirements.listed(found[-1].wish, part.intro, texts)
    elif (inline := re.fullmatch(r"([^:]{4,40}): (.+)", part)) and (
        more := requirements.listed(found[-1].wish, inline[1], creating.comma_items(inline[2]))
    ):
        pass
    elif len(read_now) == 1:
        more = requirements.continued(found[-1].wish, part, read_now[0].wish)
    else:
        return False
    if more is not None:
        found[-1] = replace(found[-1], wish=more)
    return more is not None


def _gathered(found: list[Clause]) -> list[Clause]:
    """Makes one list of tasks of the requirements that follow each other."""
    gathered: list[Clause] = []
    for is_prose, group in groupby(found, lambda clause: isinstance(clause.wish, Requirement)):
        run = list(group)
        if is_prose:
            tasks = [
                task
                for clause in run
                if isinstance(clause.wish, Requirement)
                for task in specifying.tasks_of(clause.wish)
            ]
            made = tasks[0] if len(tasks) == 1 else CreateTasks(tuple(tasks))
            run = [replace(run[0], wish=made)]
        gathered += run
    return gathered


def _begins_anew(line: str) -> bool:
    head = line[:240]
    return bool(_WEAK.match(head) or _STRONG.match(head))


def _cuts(left: str, right: str) -> bool:
    first = _FIRST.match(right)
    if first is None or (first.group().lower() not in _BEGINNINGS and "depend" not in right):
        return False
    right = commands.plain(right)
    if _ONE.match(right):
        return re.search(r"\btask\b|\bone\b", left, re.I) is not None
    if _STRONG.match(right):
        return _STORY.match(left) is None
    return _WEAK.match(right) is not None and not (_FREE.match(left) or _WISHED.search(left))


def _sentence(text: str, number: int) -> list[Clause]:
    found: list[Clause] = []
    for clause, after in clauses(text, _cuts):
        clause = _another(clause, found)
        if re.search(r"\w", clause) or any(sign in clause for sign in "👍🙏🎉😀🙂👋?"):
            understood, rest = _understood(clause)
            if len(found) > MAX_CLAUSES:
                break
            found.append(Clause(understood, after, number))
            if rest:
                found.append(Clause(NotUnderstood(rest), False, number))
    return found


def _another(clause: str, found: list[Clause]) -> str:
    """Returns "then one to implement it" as what it means behind "a task to design the schema"."""
    match = _ONE.match(clause)
    if match is None or not found or not isinstance(found[-1].wish, CreateTask):
        return clause
    thing = requirements.thing_of(found[-1].wish.text)
    rest = clause[match.end() :]
    if thing:
        rest = re.sub(r"\bit\b", lambda _: thing, rest, count=1)
    return f"Create a task {match['joiner']} {rest}"


def _understood(clause: str) -> tuple[Wish, str]:
    """Returns the wish of `clause`, or that of a command at its beginning, and the rest."""
    whole = wish(clause)
    if not isinstance(whole, Unclear | NotUnderstood) or not _WEAK.match(commands.plain(clause)):
        return whole, ""
    for match in list(re.finditer(r",? and |, ", clause[:1000]))[:5]:
        begin = commands.command(commands.plain(clause[: match.start()]))
        if begin is not None and not isinstance(begin, Unclear | DeleteTasks):
            return begin, clause[match.end() :]
    return whole, ""


def _listing(listing: Listing, number: int) -> list[Clause]:
    if len(listing.items) > MAX_ITEMS:
        question = (
            f"This list has {len(listing.items)} items; at most {MAX_ITEMS} fit in one message."
        )
        return [Clause(Unclear(question), False, number)]
    introduces = lists.listed(listing)
    own = [_own(item.text) for item in listing.items[:MAX_CLAUSES]]
    if len(listing.items) <= MAX_CLAUSES and all(own) and not listing.intro.rstrip().endswith(":"):
        introduces = [one for one in own if one is not None]
        before = _sentence(listing.intro, number) if listing.intro else []
        return before + [Clause(one, False, number) for one in introduces]
    if introduces is not None:
        return [Clause(one, False, number) for one in introduces]
    before = _sentence(listing.intro, number) if listing.intro else []
    alone = lists.listed(replace(listing, intro=""))
    items = alone or [wish(item.text) for item in listing.items]
    return before + [Clause(one, False, number) for one in items]


def _own(text: str) -> Wish | None:
    """Returns the wish of a list's item that is a command or statement of its own."""
    text = commands.plain(text)
    return remember.statement(text) or creating.creation(text) or commands.command(text)


def wish(text: str) -> Wish:
    """Returns what one clause asks for."""
    text = text.strip()
    bare = commands.plain(text)
    return (
        questions.aside(text)
        or questions.question(bare)
        or remember.statement(bare)
        or creating.creation(bare)
        or commands.command(bare)
        or beyond.beyond(bare)
        or creating.wanted(bare)
        or beyond.bare_list(bare)
        or questions.other(bare)
    )


def _finished(found: list[Clause], masked: Masked) -> tuple[Clause, ...]:
    return tuple(replace(clause, wish=_unmasked(clause.wish, masked)) for clause in found)


def _unmasked(value: Any, masked: Masked) -> Any:
    if isinstance(value, str):
        return masked.unmask(value)
    if isinstance(value, tuple):
        return tuple(_unmasked(item, masked) for item in value)
    if isinstance(value, bool):
        return value
    return replace(
        value,
        **{field.name: _unmasked(getattr(value, field.name), masked) for field in fields(value)},
    )
