"""Rules for what is to be put on the board: "create a task to ...", "I need ..."."""

from __future__ import annotations

import re
from dataclasses import replace

from agent.llm.offline.requirements import WHY, apart, requirement
from agent.llm.offline.sentences import MASK
from agent.llm.offline.titles import VERBS, capitalised, clean, sentence
from agent.llm.offline.vocabulary import priority_of
from agent.llm.offline.wishes import CreateTask, CreateTasks, Requirement, Unclear, Wish

NO_TITLE = "What is the task about? Say for example “Create a task to test the login flow”."

_SMALL_NUMBERS = (
    "two|three|four|five|six|seven|eight|nine|ten|several|some|a few|a couple of|these"
    "|the following|all these"
)
_NOT_BETWEEN = (
    r"(?:to|for|on|in|of|with|from|that|which|and|called|named|as|under|about|the|this|it|my|our)\b"
)
_INDEFINITE = (
    rf"(?:(?:an?|another|one more|one|some|new|{_SMALL_NUMBERS}|\d{{1,3}}"
    r"|the(?= (?:following )?tasks\b)) ?\b){1,3}"
)
_CREATE = re.compile(
    rf"(?:(?:an?(?= (?:new )?task\b)|(?:create|add|insert|new|another))(?: me| us)?(?: (?:{_INDEFINITE}))?"
    rf"|(?:make|open|file|log|set up|write down|put|define|plan|give)(?: me| us)? "
    rf"(?:{_INDEFINITE}))"
    rf"(?P<kind>(?: (?!{_NOT_BETWEEN})[\w/-]{{1,40}}){{0,4}}?)"
    r" (?P<noun>sub-?tasks?|tasks?|to-?dos?|tickets?|action items?|user stor(?:y|ies)|stor(?:y"
    r"|ies)|epics?|work items?)\b",
    re.I,
)
_LABEL = re.compile(r"(?:new )?(?P<noun>tasks?|to-?dos?|tickets?) ?(?::|-|–) ?", re.I)
_PLACE = re.compile(
    r",? (?:to|on|in|for) (?:the|my|our|this) (?:board|list|backlog|project|todo list)\b", re.I
)
_JOINER = re.compile(
    r"[,:–-]? ?(?:(?:to|for|called|named|titled|entitled|about|that|which|on|saying|with the "
    r"(?:title|name)|with title"
    r"|as follows|in order to)\b)?[:,]? ?",
    re.I,
)
_PARENT_FIRST = re.compile(
    r" (?:of|to|for|under) (?P<parent>.{1,200}?)(?:: ?| to | called | named )", re.I
)

_PRIORITY_WORD = r"(?P<priority>high|highest|top|urgent|critical|medium|normal|low|lowest)"
_PRIORITY_IN_KIND = re.compile(rf"{_PRIORITY_WORD}(?:[ -]priority)?", re.I)
_PRIORITY_AT_END = re.compile(
    rf"[,;]? ?(?:\(|with |at |as |and |give it |make it |and make it |priority:? )*(?:an? "
    rf")?(?:priority:? )?{_PRIORITY_WORD}"
    r"(?:[ -]priority)?\)?[.!]?$",
    re.I,
)
_DEPENDS_AT_END = re.compile(
    r",? \(?(?:(?:that|which|and|it|this) ){0,2}(?:depends on|depending on|depend on|is blocked "
    r"by|blocked by) "
    r"(?P<on>[^()]{1,300})\)?[.!]?$",
    re.I,
)
_PARENT_AT_END = re.compile(
    rf",? (?:under|below|as a sub-?task of) (?P<parent>{MASK}|the .{{1,150}} task"
    rf"|.{{1,150}})[.!]?$",
    re.I,
)
_DESCRIBED = re.compile(
    r",? (?:with (?:the |a )?description|and describe it as|described as|description):? "
    r"(?P<text>.+)$",
    re.I,
)

_FOLLOWING = re.compile(
    r"(?:add|create|make|note|put) (?:the following|these)(?: (?:tasks?|items|features|things|stories))?"
    r"(?: (?:to|on) (?:the |my |our )?(?:board|list|backlog))?: ?(?P<items>.+)",
    re.I,
)
_SPLIT = re.compile(
    r"(?:break|split|divide)(?: up| down)? (?P<parent>.+?)(?: up| down)? (?:into|in)"
    r"(?: (?:the )?(?:following |these |two |three |four |five )?(?:sub-?)?(?:tasks|parts|steps|pieces))?"
    r":? (?P<items>.+)",
    re.I,
)
_SUBTASKS = re.compile(
    r"(?:add|create|make) (?:these |the following |some |two |three |four |\d+ )?sub-?tasks "
    r"(?:to|for|of|under|in) (?P<parent>.+?): ?(?P<items>.+)",
    re.I,
)
_ABOUT = re.compile(r"[^,:;]{1,60}: ?(?=.+,)")
_PLAIN_ADD = re.compile(
    r"(?P<verb>add|implement|build|develop|fix|support|design|integrate|set up|refactor"
    r"|investigate|document"
    r"|write (?:the |some )?(?:unit |integration )?(?:tests?|docs|documentation) for) (?P<what>.+)",
    re.I,
)
_VAGUE = re.compile(
    r"(?:create|make) (?!me\b|us\b|sure\b|sense\b|it\b|that\b|this\b)(?P<what>.+)", re.I
)
_NEED = re.compile(
    r"(?:i|we|the (?:app|application|system|site|clinic|client|customer|team|users?)|users?"
    r"|customers?|it)(?:['’]d| would|['’]ll| will)?"
    r"(?: also| still| then| now| really){0,2} (?:needs?|wants?|requires?|like)\b(?P<to> to have| "
    r"to be able to| to)?:? ?"
    r"(?P<what>.+)",
    re.I,
)
_NO_TASK = re.compile(
    r"(?:your )?help\b|(?:an? )?(?:break|advice|coffee|hand)\b|(?:that|it|this|them)$", re.I
)
_HAVE_TO = re.compile(
    r"(?:i|we) (?:still |also )?(?:have|ought|must|should|need) (?:to )?(?P<what>.+)", re.I
)
_THERE = re.compile(r"there (?:should|must|has to|needs to|shall) be (?P<what>.+)", re.I)
_QUESTION_WORD = re.compile(
    r"(?:what|how|who|which|where|when|why|should|must|can|do|does|is|are)\b", re.I
)


def creation(text: str) -> Wish | None:
    """Returns the tasks that `text` orders to be created by that name, or None."""
    if parts := _parts(text):
        return parts
    match = _CREATE.match(text) or _LABEL.match(text)
    if match is None:
        return None
    kind = (match.groupdict().get("kind") or "").strip()
    rest = text[match.end() :]
    if place := _PLACE.match(rest):
        rest = rest[place.end() :]
    if match["noun"].lower().startswith("sub") and (parent := _PARENT_FIRST.match(rest)):
        return _single(rest[parent.end() :], kind, action=True, parent=parent["parent"])
    joiner = _JOINER.match(rest)
    body = rest[joiner.end() :] if joiner else rest
    plural = match["noun"].lower().endswith("s")
    if not re.search(r"\w", body) and MASK[0] not in body:
        body, kind = (
            (kind, "") if not plural and not _PRIORITY_IN_KIND.fullmatch(kind) else ("", kind)
        )
        if not re.search(r"\w", body) or body.lower() in ("new", "same", "the", "this", "that"):
            return Unclear(NO_TITLE)
    if plural and joiner and joiner.group().strip() == "for" and (about := _ABOUT.match(body)):
        body = body[about.end() :]
    items = comma_items(body) if plural else [body]
    # A subtask of nothing named is one of what was spoken of last, or of the session's task.
    whole = "it" if match["noun"].lower().startswith("sub") else ""
    tasks = [_single(item, kind, action=True) for item in items]
    tasks = [replace(task, parent=task.parent or whole) for task in tasks]
    return CreateTasks(tuple(tasks)) if len(tasks) > 1 else tasks[0]


def _parts(text: str) -> CreateTasks | None:
    """Returns the list of "add the following: a, b", or that of "break X down into a and b"."""
    if match := _FOLLOWING.fullmatch(text):
        return CreateTasks(
            tuple(detailed(item, action=True) for item in comma_items(match["items"]))
        )
    match = _SPLIT.fullmatch(text) or _SUBTASKS.fullmatch(text)
    items = comma_items(match["items"]) if match else []
    if match is None or len(items) < 2:
        return None
    return CreateTasks(tuple(detailed(item, parent=match["parent"], action=True) for item in items))


def _single(text: str, kind: str = "", *, action: bool, parent: str = "") -> CreateTask:
    return detailed(text, priority=_kind_priority(kind), parent=parent, action=action, kind=kind)


def _kind_priority(kind: str) -> str:
    match = _PRIORITY_IN_KIND.match(kind)
    return priority_of(match["priority"]) if match else ""


def detailed(
    text: str, *, priority: str = "", parent: str = "", action: bool = False, kind: str = ""
) -> CreateTask:
    """Returns the task of `text` with what its end says of priority, dependencies, description."""
    description = depends_on = ""
    if found := _DESCRIBED.search(text[:2000]):
        description, text = text[found.start("text") :], text[: found.start()]
    head, tail = text[:-400], text[-400:]  # what follows stands at the end
    if (found := _PRIORITY_AT_END.search(tail)) and _tells_priority(found):
        priority, tail = priority_of(found["priority"]), tail[: found.start()]
    if found := _DEPENDS_AT_END.search(tail):
        depends_on, tail = found["on"], tail[: found.start()]
    if (found := _PARENT_AT_END.search(tail)) and _names_a_task(found):
        parent, tail = found["parent"], tail[: found.start()]
    rest_of_kind = _PRIORITY_IN_KIND.sub("", kind, count=1).strip() if kind else ""
    if (
        rest_of_kind
        and rest_of_kind.lower() not in ("new", "follow-up", "separate", "single")
        and not description
    ):
        description = capitalised(rest_of_kind)
    return CreateTask(head + tail, description, priority, parent, depends_on, action)


def _tells_priority(match: re.Match[str]) -> bool:
    """Tells "(high)" and "high priority" from a text that ends in "low"."""
    return match.start() > 0 and ("priority" in match.group().lower() or "(" in match.group())


def _names_a_task(match: re.Match[str]) -> bool:
    """Tells "under the sign-up task" from "test under load"."""
    parent = match["parent"].lower()
    return MASK[0] in parent or parent.endswith("task") or "sub" in match.group().lower()[:16]


def wanted(text: str) -> Wish | None:
    """Returns what `text` wants to be there or to be done, or None. Long texts want nothing."""
    if text.endswith("?") or len(text) > 2000:
        return None
    if required := requirement(text):
        return required
    said = sentence(text)
    text, why = apart(text.rstrip(" .!;"), WHY)
    if match := _THERE.fullmatch(text):
        return Requirement(match["what"], why=why, criteria=(text,))
    if match := _NEED.fullmatch(text):
        need = _needed(match, said)
        return replace(need, why=why, said=said) if why and isinstance(need, Requirement) else need
    return _have_to(text) or _added(text)


def _needed(match: re.Match[str], said: str) -> Wish | None:
    what = match["what"]
    if _NO_TASK.match(what):
        return None
    items = [what] if (match["to"] or "").strip() in ("to", "to be able to") else _things(what)
    if len(items) > 1:
        return CreateTasks(tuple(detailed(item) for item in items))
    head, _, tail = what.partition(": ")
    if tail and len(head.split()) <= 6:
        return Requirement(head, criteria=(tail,), said=said)
    found = detailed(what)
    if clean(found.text).casefold() != clean(what).casefold():
        return found  # with a priority, a description, a place
    return Requirement(found.text, said=said if len(what.split()) > 3 else "")


def _have_to(text: str) -> CreateTask | None:
    match = _HAVE_TO.fullmatch(text)
    return (
        CreateTask(match["what"]) if match and match["what"].split()[0].lower() in VERBS else None
    )


def _added(text: str) -> Wish | None:
    """Returns "add dark mode" as a task; "create dark mode" is asked back: we cannot do it."""
    text = _PLACE.sub("", text, count=1) if text.lower().startswith("add") else text
    if match := _PLAIN_ADD.fullmatch(text):
        things = _things(match["what"]) if match["verb"].lower() == "add" else []
        if len(things) > 1:
            return CreateTasks(tuple(detailed(f"Add {thing}") for thing in things))
        found = detailed(text)
        quoted = re.fullmatch(rf"add (?:the )?({MASK})", found.text.strip(), re.I)
        return replace(found, text=quoted[1]) if quoted else found
    if match := _VAGUE.fullmatch(text):
        return Unclear(
            f"Shall I put “{clean(match.group())}” on the board? Then say "
            f"“Create a task to {clean(match.group())[:1].lower()}{clean(match.group())[1:]}”."
        )
    return None


# -- lists within a sentence -----------------------------------------------------------------------

_LAST_AND = re.compile(r",? (?:and|&|or|as well as) (?:also )?", re.I)


def comma_items(text: str) -> list[str]:
    """Returns the items of "a, b and c" or "a; b; c"."""
    text = text.strip().rstrip(".!")
    if ";" in text:
        return _filled(re.split(r"; ?(?:and )?", text))
    items = re.split(r", ?(?:and |& )?", text)
    serial = re.search(r", ?(?:and|&) ", text) is not None
    if not serial and (ends := list(_LAST_AND.finditer(items[-1]))):
        end = ends[-1]
        items[-1:] = [items[-1][: end.start()], items[-1][end.end() :]]
    return _filled(items)


def _filled(items: list[str]) -> list[str]:
    return [item.strip() for item in items if re.search(r"\w", item) or MASK[0] in item]


def _things(text: str) -> list[str]:
    """Returns the items of a list that is one beyond doubt: commas, or an article before each."""
    items = comma_items(text)
    articles = all(re.match(r"(?:an?|some|the) ", item, re.I) for item in items)
    short = all(len(item.split()) <= 6 for item in items)
    return items if (len(items) > 2 and short) or (len(items) == 2 and articles) else [text]
