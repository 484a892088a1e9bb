"""What is said of a message that is not carried out, and the sentences that answers offer instead.

An offer works as it stands, in this project. It is a link to `#say`; the page puts its text into the
field. `works` tells whether a sentence would be carried out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from itertools import islice, permutations

from agent.llm.base import Context
from agent.llm.offline.grammar import CREATING, FORMS, LISTING, STATEMENTS
from agent.llm.offline.names import words
from agent.llm.offline.reading import Clause, Unread, read
from agent.llm.offline.titles import Misread, cut
from agent.llm.offline.vocabulary import word_set

NOTHING = "Nothing was changed."
HONEST = (
    "I can't do that: I am the built-in offline planner, a set of rules for English and not a language "
    f"model. {NOTHING}"
)
TOO_LONG = (
    f"The message has more words than I read at once. {NOTHING} Please send it in smaller parts; a list "
    "may have an item on each line."
)
_READ = 500  # characters of a clause that are looked at
# What people ask for and no message does: words that tell it, and what is said of it.
_AREAS = """
invite|member|members|teammate|teammates|collaborator|give access|role|permission|permissions|share
  Members are added in the admin, on the page of the project, or over the API.
every|daily|weekly|monthly|each day|each week|recurring|remind|reminders|schedule|cron|notify|alert me
  I do nothing at set times and send nothing. A script may send messages: `manage.py run_batch`.
assign|assigned|assignee|unassign|responsible|who works on|in charge
  Tasks have no assignee. Names can be written down as a note of the task.
due|deadline|deadlines|tomorrow|today|postpone|defer|reschedule|snooze|overdue|next week|next month|by friday
  Tasks have no dates. What comes first is said by order, priority and what depends on what.
since|changelog|history|yesterday|log
  I don't know when something changed. The admin lists all changes with their times, under Events.
undo|revert|roll back|rollback|take back|take it back|restore
  Each change has an Undo button beside it, and `/undo` takes the latest message back.
archive|hide|put away
  Nothing is archived. What is done stands apart on the board, or can be deleted.
clone|copy|duplicate
  A task is copied as text by the button in its details, and not by a message.
tag|tags|label|labels|milestone|milestones|sprint|epic|story points|estimate|estimates
  Tasks have a status, a priority, a parent and dependencies, and no other fields.
attach|attachment|upload|file|files|image|screenshot|photo
  Files can't be attached; a description may hold a link.
export|import|download|csv|json|backup
  Lists are exported in the admin; the API has all of them as JSON.
new project|create a project|another project|switch project|open project
  Projects are made and opened in the list on the left: “New project…”.
rename the project|delete the project|project description|project name|rename this project
  A project is renamed, described and deleted in the admin, under Projects.
new session|new chat|delete this session|delete the session|delete the conversation|clear the chat
  Sessions are opened in the list on the left, and deleted in the admin, under Sessions.
password|log me out|sign me out|sign out|my account|user name|username|api token|token
  Signing out is at the bottom of the list on the left; users and tokens are in the admin.
language model|gpt|chatgpt|openai|ollama|api key|connect a model
  A language model is connected by the settings OPENAI_API_KEY or OPENAI_BASE_URL.
approve|reject|stop the run|cancel the run|stop it
  A waiting plan is approved and rejected by its buttons; `/stop` stops a run.
i think|i guess|maybe|perhaps|should we|should i|suggest|recommend|propose|think about|how long|best
  I have no opinion of my own. What is decided can be remembered: say “We decided to …”.
if|unless|whenever|as soon as
  I watch for no conditions: I do at once what a message says, or nothing.
"""
AREAS = tuple(
    (phrases.split("|"), answer.strip())
    for phrases, answer in zip(*[iter(_AREAS.strip().split("\n"))] * 2, strict=True)
)
_MARKDOWN = re.compile(r"([\\`*_\[\]<>&#|~])")
_UNQUOTABLE = re.compile(r"[“”\"\n]")
_UNLISTED = frozenset(("talk", "reason", "help", "project"))
_TRIED = 5  # tasks whose titles are tried in an example
_USUAL = (
    "Create a task to test the login flow",
    "Remember that we test on Firefox",
    "What is open?",
)
_DROPPED = re.compile(r"[\"“”\n]")
_SUBJECTS = word_set("i we he she it they there the our my this that")
_STATES = word_set("is are was were has have needs need")
_WORK = word_set(
    "fix write build test design review buy order plan ship deploy draft research prepare check call "
    "clean refactor improve implement install organise organize clarify measure paint sketch publish"
)
_LITTLE = word_set(
    "to the a an of for on in is are it me my our we i what which do all and or about with as be"
)
# The words of the grammar. What is nearly one of them is taken for a typing error.
_KNOWN = frozenset(
    word
    for form in FORMS
    for word in re.findall(r"[a-z]{4,}", re.sub(r"\{.*?\}", "", form.pattern))
)
_KEEPS_WORDS = CREATING | LISTING | STATEMENTS | {"describe", "note", "rename", "revise"}


def of_unread(
    clauses: Sequence[Clause], unread: Sequence[Unread], works: Callable[[str], bool]
) -> str:
    """Names the parts that fit no form."""
    first = unread[0]
    if first.is_order:
        head = f"I take that for a question, and have no answer. {NOTHING}"
        keeps = works(first.said) and not any(map(_known, words(first.said[:_READ])))
        return f"{head} As an order: “{offer(first.said)}”." if keeps else head
    area = _area(first.rest) or _area(first.said)
    examples = [f"“{offer(text)}”" for text in _examples(first, works)]
    understood = [clause.said for clause in clauses]
    understood += [one.understood for one in unread if one.understood]
    if not understood:
        head = f"I can't do that. {area} {NOTHING}" if area else HONEST
        return f"{head} For example you can say {' or '.join(examples)}."
    head = f"I understood {_listed(understood)}, but not {_listed([one.rest for one in unread])}."
    said = [head, NOTHING, area, f"What works, for example: {examples[0]}."]
    return " ".join(text for text in said if text)


def of_clause(said: str, why: str) -> str:
    """Says why a clause that was read can't be carried out."""
    return f"{why} {NOTHING} {_area(said)}".strip()


def of_rest(clause: str, error: Misread) -> str:
    """Names what is left over of a clause behind what was understood."""
    head, rest, _ = clause.partition(error.rest)
    head = (head if rest else error.understood).strip(" ,;")
    begin = f"I understood {_listed([head])}, but not " if head else "I did not understand "
    said = [f"{begin}{_listed([error.rest])}.", NOTHING, _area(error.rest), error.hint]
    return " ".join(text for text in said if text)


def _examples(unread: Unread, works: Callable[[str], bool]) -> list[str]:
    """Returns two sentences that work, those nearest to what was said first."""
    found: dict[str, None] = {}
    for text in (*_from_words(unread), *_nearest(unread.said), *_USUAL):
        if len(text) <= 160 and works(text):
            found[text] = None
        if len(found) == 2:
            break
    return list(found)


def _from_words(unread: Unread) -> Iterator[str]:
    """Yields the words that were said, in forms that keep them; never a typing error as a title."""
    said = _DROPPED.sub("", unread.said[:_READ]).strip(" .!?")
    typed = words(said)
    typos = {word: near[0] for word in typed if (near := _known(word))}
    if typos:
        right = re.sub(r"[^\W_]+", lambda word: typos.get(word[0].casefold(), word[0]), said)
        if not any(clause.form.intent in _KEEPS_WORDS for clause in read(right).clauses):
            yield right
    elif unread.asks or unread.understood or len(typed) < 3:
        return
    elif typed[0] in _SUBJECTS and _STATES & {*typed}:
        yield f"Remember that {said[:1].lower() if typed[0] != 'i' else 'I'}{said[1:]}"
    elif typed[0] in _WORK and not _STATES & {*typed}:
        yield f"Create a task to {said[:1].lower()}{said[1:]}"


def _known(word: str) -> list[str]:
    """Returns the word of the grammar that `word` nearly is, if any."""
    if len(word) < 4 or word in _KNOWN or word in _WORK:
        return []
    return get_close_matches(word, _KNOWN, 1, 0.75)


def _nearest(said: str) -> list[str]:
    """Returns the examples of the forms that have the most words in common with `said`."""
    there = set(words(said[:_READ])) - _LITTLE
    scored = []
    for place, form in enumerate(FORMS):
        common = there & set(words(form.example))
        if len(common) > 1 and "{" not in form.example:
            scored.append((-len(common), place, form.example))
    return [example for _, _, example in sorted(scored)[:3]]


def _area(text: str) -> str:
    """Returns what is said of the area that `text` is about, or ""."""
    said = f" {' '.join(words(text[:_READ]))} "
    return next(
        (answer for phrases, answer in AREAS if any(f" {one} " in said for one in phrases)), ""
    )


def _listed(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - 3} more" if len(texts) > 3 else ""
    return ", ".join(f"“{plain(cut(text, 100))}”" for text in texts[:3]) + more


def plain(text: str) -> str:
    """Returns `text` so that Markdown leaves it as it is."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def offer(text: str) -> str:
    return f"[{plain(text)}](#say)"


def help_lines(context: Context, works: Callable[[str], bool]) -> str:
    """Lists the first form of each intent with names of this project, where one works."""
    examples = {form.intent: form.example for form in reversed(FORMS)}
    lines = []
    for form in FORMS:
        if form.intent not in _UNLISTED and examples.get(form.intent) == form.example:
            texts = (text for text in _with_names(form.example, context) if works(text))
            lines += [f"- {offer(text)}" for text in islice(texts, 1)]
    return "\n".join(lines)


def _with_names(example: str, context: Context) -> Iterator[str]:
    tasks = [f"“{task.title}”" for task in context.tasks if not _UNQUOTABLE.search(task.title)]
    memories = [f"“{one.title}”" for one in context.memories if not _UNQUOTABLE.search(one.title)]
    for task, other in permutations([*tasks[:_TRIED], "", ""], 2):
        names = {"task": task, "other": other, "memory": (memories or [""])[0]}
        if all(name for key, name in names.items() if f"{{{key}}}" in example):
            yield example.format_map(names)
