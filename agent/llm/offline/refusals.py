"""What is said of a message that is not carried out, and the sentences that answers offer instead.

An offer works as it stands, in this project. It is a link to `#say`; the page puts its text into the
field. `works` tells whether a sentence would be carried out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice, permutations

from agent.llm.base import Context
from agent.llm.offline.grammar import FORMS
from agent.llm.offline.names import words
from agent.llm.offline.new_tasks import Misread
from agent.llm.offline.reading import Reading
from agent.shorten import shorten
from agent.support.offers import offer, plain
from agent.support.words import STOP

NOTHING = "Nothing was changed."
HONEST = "I am the built-in offline planner, a set of rules for English and not a language model."
TOO_LONG = f"The message is too long to read at once. {NOTHING} Please send it in smaller parts."
_READ = 500  # characters of a clause that are looked at
# Words of what no message does, and what is said of it.
_AREAS = """
invite|member|members|teammate|teammates|give access|role|permission|permissions
  Members are added in the admin, on the page of the project, or over the API.
every|daily|weekly|monthly|recurring|remind|reminders|schedule|notify|alert me
  I do nothing at set times and send nothing. A script may send messages: `manage.py run_batch`.
assign|assigned|assignee|unassign|responsible
  A task is given to one member by the user name: “Give the login page to anna”.
due|deadline|deadlines|tomorrow|today|postpone|reschedule|snooze|overdue|next week|friday|monday
  I do nothing later. Of dates I keep due dates: “The login page is due next Friday”.
undo|revert|roll back|restore
  “Undo that” takes the latest message back; each change has an Undo button beside it, too.
describe|description|note|tag|tags|label|labels|estimate|clone|copy
  Description, labels, estimate and acceptance criteria are written in a task's details on the board.
attach|attachment|upload|file|files|screenshot|export all|export the|import|csv|json|backup
  Files can't be attached. Lists are exported in the admin; the API has all of them as JSON.
project|projects|session|sessions
  Projects and sessions are opened in the list on the left; they are renamed and deleted in the admin.
"""
_ANSWERS: list[tuple[str, str]] = re.findall(r"^(\S.*)\n  (.+)$", _AREAS, re.M)
_UNQUOTABLE = re.compile(r"[“”\"\n]")
_UNLISTED = frozenset(("talk", "reason", "help", "project"))
_TRIED = 5  # tasks whose titles are tried in an example
Works = Callable[[str], bool]


def of_unread(reading: Reading, context: Context, works: Works) -> str:
    """Names the parts that fit no form."""
    first = reading.unread[0]
    if first.is_order:
        head = f"I take that for a question, and have no answer. {NOTHING}"
        return f"{head} As an order: “{offer(first.said)}”." if works(first.said) else head
    understood = [clause.said for clause in reading.clauses]
    understood += [one.understood for one in reading.unread if one.understood]
    left = _listed([one.rest for one in reading.unread])
    head = f"I understood {_listed(understood)}, but not {left}." if understood else ""
    area = _area(first.rest) or _area(first.said)
    said = [head or "I can't do that.", area or ("" if head else HONEST), NOTHING]
    examples = islice(_nearest(first.said, context, works), 2)
    said.append(f"What works, for example: {' or '.join(f'“{offer(one)}”' for one in examples)}.")
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


def _nearest(said: str, context: Context, works: Works) -> Iterator[str]:
    """Returns examples that work, those of the forms with the most words of `said` first."""
    there = set(words(said[:_READ])) - STOP
    examples = [form.example for form in FORMS if form.intent not in _UNLISTED]
    examples.sort(key=lambda example: -len(there & set(words(example))))
    return filter(None, (_working(example, context, works) for example in examples))


def _area(text: str) -> str:
    """Returns what is said of the area that `text` is about, or ""."""
    said = f" {' '.join(words(text[:_READ]))} "
    return next((text for names, text in _ANSWERS if re.search(f" ({names}) ", said)), "")


def _listed(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - 3} more" if len(texts) > 3 else ""
    return ", ".join(f"“{plain(shorten(text, 100))}”" for text in texts[:3]) + more


def help_lines(context: Context, works: Works) -> str:
    """Lists the first form of each intent with names of this project, where one works."""
    first = {form.intent: form.example for form in reversed(FORMS) if form.intent not in _UNLISTED}
    texts = (_working(example, context, works) for example in reversed(first.values()))
    return "\n".join(f"- {offer(text)}" for text in texts if text)


def _working(example: str, context: Context, works: Works) -> str:
    """Returns the example with names of this project with which it works; "" if there are none."""
    tasks = [f"“{task.title}”" for task in context.tasks if not _UNQUOTABLE.search(task.title)]
    memories = [f"“{one.title}”" for one in context.memories if not _UNQUOTABLE.search(one.title)]
    for task, other in permutations([*tasks[:_TRIED], "", ""], 2):
        names = {"task": task, "other": other, "memory": (memories or [""])[0]}
        text = example.format_map(names)
        if all(name for key, name in names.items() if f"{{{key}}}" in example) and works(text):
            return text
    return ""
