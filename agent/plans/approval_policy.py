"""Whether a plan needs a person's word before it is carried out, and why. Asks nobody, changes nothing.

What is done at once can be undone and was named by the person: everything else is shown first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from uuid import UUID

from agent.models import ApprovalMode, Memory, Run, Task
from agent.plan import Step, StepType, placeholders
from agent.plans.dry_run import Effect
from agent.text import lookup
from agent.tools import registry
from agent.tools.registry import Tool

# As many existing objects may change without a word; with more, nobody sees at a glance which.
MAX_CHANGED = 5

# Only with one of these does a message ask for a deletion, in the languages that we know. With words
# that we do not know, one question too many is asked.
_DELETING = (
    r"delet|remov|forget|(?:drop|scrap)(?:s|ped|ping)?\b|eras(?:e|ing)|discard|trash|get rid|"
    r"throw(?:n|ing)? (?:\w+ ){0,4}(?:away|out)|kill\b|"  # English
    "lösch|entfern|streich|vergiss|verwirf|"  # German
    "supprim|effac|enlev|oubli|retir|"  # French
    "elimin|borra|borre|quita|olvid|"  # Spanish
    "cancell|rimuov|toglie|dimentic|"  # Italian
    "apag|exclua|exclui|esqueç|esquec|"  # Portuguese
    "verwijder|vergeet|schrap|"  # Dutch
    "удал|сотри|убер|забудь"  # Russian
)
_UNSPACED_DELETING = "削除|消し|消す|忘れ|删除|刪除|移除|删掉|忘记|삭제|지워"
_SAYS_DELETE = re.compile(rf"(?<!\w)(?:{_DELETING})|{_UNSPACED_DELETING}", re.I)
_NOT = (
    r"(?:(?<!\w)(?:not|never|without|nicht|nie|ohne|kein\w*|ne|sans|no|nunca|jamás|sin|non|senza|"
    r"não|niet|geen|не)|n['’]t)"
)
_SAYS_NOT = re.compile(
    rf"{_NOT}\W+(?:\w+\W+)?(?:{_DELETING})|(?:不要|别|別|勿)\w{{0,4}}?(?:{_UNSPACED_DELETING})",
    re.I,
)
# By these a message tells which kind of object it means; otherwise it may be either.
_KINDS = {
    "task": re.compile(r"\b(?:tasks?|to-?dos?|tickets?|aufgaben?)\b", re.I),
    "memory": re.compile(r"\b(?:memory|memories|decisions?|preferences?|facts?|notes?)\b", re.I),
}
_MODELS: Mapping[str, type[Task] | type[Memory]] = {"task": Task, "memory": Memory}


def is_harmless(run: Run, steps: Iterable[Step]) -> bool:
    """Tells whether `steps` need nobody's word whatever the board holds: no look at it is needed."""
    if _asks_for_all(run):
        return False
    return not any(tool.alters or tool.outgoing or tool.destructive for _, tool in _calls(steps))


def reason_to_ask(run: Run, effects: Sequence[Effect], deleted: int = 0) -> str:
    """Returns why a person must approve first what has `effects`; "" when it may go on at once.

    `deleted`: objects that the run has deleted already.
    """
    reasons = [
        _asks_for_all(run),
        _outgoing(effects),
        _deleting(run, effects, deleted),
        _changing(effects),
        _tainted(effects),
    ]
    return " ".join(filter(None, reasons))


def _asks_for_all(run: Run) -> str:
    if run.approval == ApprovalMode.REQUIRED:
        return "You asked to see the plan first."
    if run.session.approval == ApprovalMode.REQUIRED:
        return "This session asks before every plan."
    return ""


def _calls(steps: Iterable[Step]) -> Iterator[tuple[Step, Tool]]:
    for step in steps:
        if step.type == StepType.TOOL and (tool := registry.get(step.tool)) is not None:
            yield step, tool


def _outgoing(effects: Sequence[Effect]) -> str:
    names = dict.fromkeys(
        tool.name for _, tool in _calls(effect.step for effect in effects) if tool.outgoing
    )
    return f"It uses {', '.join(names)}, which acts outside of this project." if names else ""


def _deleting(run: Run, effects: Sequence[Effect], deleted: int) -> str:
    gone = [change for effect in effects for change in effect.changes if change.action == "deleted"]
    unknown = [effect for effect in effects if _is_destructive(effect.step) and not effect.changes]
    number = len(gone) + len(unknown)
    if number and number + deleted > 1:
        return f"The plan deletes {number + deleted} objects."
    if unknown:
        return "What it deletes is not known yet."
    if gone and not _is_wanted(run, gone[0].object, gone[0].id):
        title = (gone[0].before or {}).get("title", "")
        return f"It deletes “{title}”, and your message does not say exactly that."
    return ""


def _is_destructive(step: Step) -> bool:
    tool = registry.get(step.tool)
    return tool is not None and tool.destructive


def _is_wanted(run: Run, kind: str, key: UUID) -> bool:
    """Tells whether the message says to delete something, and exactly this."""
    message = run.message.content
    if not _SAYS_DELETE.search(message) or _SAYS_NOT.search(message):
        return False
    kinds = {name for name, words in _KINDS.items() if words.search(message)} or set(_KINDS)
    if kind not in kinds:
        return False
    titles: dict[UUID, str] = {}
    for name in kinds:
        rows = _MODELS[name].objects.filter(project=run.session.project_id)
        titles |= dict(rows.values_list("pk", "title"))
    return lookup.identifies(message, key, titles)


def _changing(effects: Sequence[Effect]) -> str:
    created: set[UUID] = set()
    changed: set[UUID] = set()
    for effect in effects:
        for change in effect.changes:
            (created if change.action == "created" else changed).add(change.id)
    number = len(changed - created)
    return f"It changes {number} existing objects." if number > MAX_CHANGED else ""


def _tainted(effects: Sequence[Effect]) -> str:
    """What a result says, a stored text may have said: it must not choose what is deleted or sent."""
    for step, tool in _calls(effect.step for effect in effects):
        if tool.destructive or tool.outgoing:
            for _, holder in placeholders(step.arguments):
                return f"What {tool.name} is used on comes out of the result of {holder.step}."
    return ""
