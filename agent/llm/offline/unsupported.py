"""What is said of a message that is not carried out: how much of it was understood, and what works."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from agent.llm.offline.grammar import FORMS
from agent.llm.offline.names import words
from agent.llm.offline.offers import plain, quoted_offer
from agent.llm.offline.reading import Clause, Unread
from agent.llm.offline.titles import Misread, cut

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
_DATE_WORDS = (
    "due|deadline|deadlines|tomorrow|postpone|defer|reschedule|snooze|overdue|calendar|today"
)


@dataclass(frozen=True, slots=True)
class Area:
    """Something that people ask for and that no message does. `phrases`: one of them tells it."""

    phrases: str
    answer: str

    def is_in(self, text: str) -> bool:
        """`text`: words with a space before, between and behind them."""
        return any(f" {phrase} " in text for phrase in self.phrases.split("|"))


AREAS = (
    Area("invite|member|members|teammate|teammates|collaborator|collaborators|give access|access to the project|role"
         "|permission|permissions|share the board|share the project|share this project",
         "Members are added in the admin, on the page of the project, or over the API."),
    Area("every|daily|weekly|monthly|each day|each week|recurring|remind|reminders|schedule|cron|notify|alert me|at night",
         "I do nothing at set times and send nothing: I only answer messages. A script may send them, for example with "
         "`manage.py run_batch`."),
    Area("assign|assigned|assignee|unassign|responsible|who works on|in charge",
         "Tasks have no assignee. Names can be written down as a note of the task."),
    Area(f"{_DATE_WORDS}|by monday|by friday|until monday|until friday|next week|next month|this week",
         "Tasks have no dates. What comes first is said by their order, their priority and what depends on what."),
    Area("since|changelog|history|yesterday|log", "I don't know when something changed. Each session holds what was changed in "
         "it, and the admin lists all changes with their times, under Events."),
    Area("undo|revert|roll back|rollback|take back|take it back|restore",
         "Each change has an Undo button beside it, in the conversation and in the panels, and `/undo` takes the latest "
         "message back."),
    Area("archive|hide|put away", "Nothing is archived. What is done stands apart on the board, or can be deleted."),
    Area("clone|copy|duplicate", "A task is copied as text by the button in its details, and not by a message."),
    Area("tag|tags|label|labels|milestone|milestones|sprint|sprints|epic|epics|story points|estimate|estimates",
         "Tasks have a status, a priority, a parent and dependencies, and no other fields. Parts belong under a parent task."),
    Area("attach|attachment|upload|file|files|image|screenshot|photo",
         "Files can't be attached; a description may hold a link."),
    Area("export|import|download|csv|json|backup", "Lists are exported in the admin; the API has all of them as JSON."),
    Area("new project|create a project|another project|switch project|switch to project|open project",
         "Projects are made and opened in the list on the left: “New project…”."),
    Area("rename the project|delete the project|project description|project name|rename this project|delete this project",
         "A project is renamed, described and deleted in the admin, under Projects."),
    Area("new session|new chat|delete this session|delete the session|delete the conversation|clear the chat|clear the history",
         "Sessions are opened in the list on the left, and deleted in the admin, under Sessions."),
    Area("password|log me out|sign me out|sign out|my account|user name|username|api key|api token|token",
         "Signing out is at the bottom of the list on the left; users, passwords and tokens are in the admin."),
    Area("language model|gpt|chatgpt|openai|ollama|api key|connect a model",
         "A language model is connected by the settings OPENAI_API_KEY or OPENAI_BASE_URL; see docs/models.md."),
    Area("approve|reject|stop the run|cancel the run|stop it",
         "A waiting plan is approved and rejected by its buttons; `/stop` stops a run."),
    Area("i think|i guess|maybe|perhaps|should we|should i|suggest|recommend|propose|what do you think|how long|your opinion"
         "|prioritise for me|best",
         "I have no opinion of my own. What is decided can be remembered: say “We decided to …”."),
    Area("if|unless|whenever|as soon as", "I watch for no conditions: I do at once what a message says, or nothing."),
)  # fmt: skip

_DROPPED = re.compile(r"[\"“”\n]")
# A clause that begins with one of these is no order, and makes no task.
_NO_ORDER = frozenset(
    """
    i we you he she it they this that these those the a an my our your his her their there is are was
    what which who why how when where do does did can could should would will if every don't do not no
    never nobody nothing maybe yes
    """.split()  # noqa: SIM905  (quoted words are harder to read)
)
_LITTLE = frozenset(
    """
    to the a an of for on in is are it me my our we i what which do all and or about with as be
    """.split()  # noqa: SIM905
)


class Refusal:
    """Says why nothing of a message was done. `works` tells whether an example would be carried out."""

    def __init__(self, works: Callable[[str], bool]) -> None:
        self.works = works

    def of_unread(self, clauses: Sequence[Clause], unread: Sequence[Unread]) -> str:
        """Names the parts that fit no form."""
        first = unread[0]
        if first.is_order:
            order = quoted_offer(first.said)
            return f"With a question mark I take that for a question, and have no answer. {NOTHING} As an order: {order}."
        area = _area(first.rest) or _area(first.said)
        understood = [clause.said for clause in clauses]
        understood += [one.understood for one in unread if one.understood]
        if not understood:
            head = HONEST if area is None else f"I can't do that. {area.answer} {NOTHING}"
            examples = self._examples(first)
            return f"{head} For example you can say {' or '.join(map(quoted_offer, examples))}."
        rest = ", ".join(f"“{_short(one.rest)}”" for one in unread[:5])
        more = f" and {len(unread) - 5} more" if len(unread) > 5 else ""
        parts = [f"I understood {_listed(understood)}, but not {rest}{more}. {NOTHING}"]
        parts += [area.answer] if area else []
        return (
            " ".join(parts) + f" What works, for example: {quoted_offer(self._examples(first)[0])}."
        )

    def of_clause(self, said: str, why: str) -> str:
        """Says why a clause that was read can't be carried out."""
        area = _area(said)
        parts = [why, NOTHING, *([area.answer] if area else [])]
        return " ".join(parts)

    def of_rest(self, clause: str, error: Misread) -> str:
        """Names what is left over of a clause behind what was understood."""
        head = (
            clause[: clause.find(error.rest)].strip(" ,;")
            if error.rest in clause
            else error.understood
        )
        rest = f"“{_short(error.rest)}”"
        begin = (
            f"I understood “{_short(head)}”, but not {rest}."
            if head
            else f"I did not understand {rest}."
        )
        area = _area(error.rest)
        return " ".join([begin, NOTHING, *([area.answer] if area else []), error.hint]).strip()

    def _examples(self, unread: Unread) -> list[str]:
        """Returns two sentences that work, those nearest to what was said first."""
        found: dict[str, None] = {}
        for text in (*_from_words(unread), *_nearest(unread.said), *_USUAL):
            if len(text) <= 160 and self.works(text):
                found[text] = None
            if len(found) == 2:
                break
        return list(found)


_USUAL = (
    "Create a task to test the login flow",
    "Remember that we test on Firefox",
    "What is open?",
)


def _from_words(unread: Unread) -> Iterator[str]:
    """Yields the words that were said, in the forms that keep them."""
    said = _DROPPED.sub("", unread.said).strip(" .!?")
    first = said.split()[0].casefold().replace("’", "'") if said else ""
    if (
        unread.asks
        or len(said.split()) < 2
        or unread.understood
        or first in ("don't", "do", "if", "not", "-")
    ):
        return
    if first == "remember":
        yield f"Create a task {said.partition(' ')[2]}"
    elif first in _NO_ORDER or "'" in first or {"is", "are", "needs"} & {*words(said)}:
        yield f"Remember that {said[:1].lower() if not said.startswith('I') else 'I'}{said[1:]}"
    elif not {"task", "tasks", "done"} & {*words(said)}:
        yield f"Create a task to {said[:1].lower()}{said[1:]}"


def _nearest(said: str) -> list[str]:
    """Returns the examples of the forms that have the most words in common with `said`."""
    there = set(words(said[:_READ])) - _LITTLE
    scored = []
    for place, form in enumerate(FORMS):
        common = there & set(words(form.example))
        if len(common) > 1 and "{" not in form.example:
            scored.append((-len(common), place, form.example))
    return [example for _, _, example in sorted(scored)[:3]]


def _area(text: str) -> Area | None:
    said = f" {' '.join(words(text[:_READ]))} "
    return next((area for area in AREAS if area.is_in(said)), None)


def _listed(understood: Sequence[str]) -> str:
    return ", ".join(f"“{_short(text)}”" for text in understood[:3])


def _short(text: str) -> str:
    return plain(cut(text, 100))
