"""Rules for questions, and for what is said besides: greetings, thanks, "what can you do?"."""

from __future__ import annotations

import re

from agent.llm.offline.vocabulary import STATUSES, S, status_of
from agent.llm.offline.wishes import Aside, AskBoard, ListTasks, NotUnderstood, Recall, Wish
from agent.llm.offline.words import STOP, words

OPEN = ("pending", "in_progress", "blocked")
EVERY = ("pending", "in_progress", "blocked", "completed")

_ALL = r"(?:(?:all|the|my|our|any|every|of|still|currently|remaining|other) )*"
_TASKS = (
    r"(?:tasks?|to-?dos?|tickets?|items|things|board|backlog|list|task list|todo list|everything"
    r"|work)"
)
_SHOW = (
    r"(?:show(?: me| us)?|list|display|print|give me|tell me|what are|which are|are there"
    r"|do we have|do i have|get|see|view)"
)
_SEARCH = re.compile(
    r"(?:search|find|look up|look for|search for|look|list|show(?: me)?|are there|do we have)(?: "
    r"(?:all|any|the|some|me|for))*"
    rf" (?:(?P<status>{S}) )?{_TASKS} (?:about|for|on|with|containing|mentioning|related to|that "
    rf"mention|named|called|like) (?P<query>.+)",
    re.I,
)
_SEARCH_ANY = re.compile(r"(?:search|find|look for|search for)(?: for)? (?P<query>.+)", re.I)
_LIST = re.compile(
    rf"(?:{_SHOW} )?{_ALL}(?:(?P<status>{S}) )?{_TASKS}(?: (?:are|is|do we have|do i have|on the "
    rf"board|there|left|now|"
    rf"of the project|we have|i have))*(?: (?P<end>{S}))?",
    re.I,
)
_WHICH = re.compile(
    rf"(?:what|which|how many|how much)(?:['’]?s)?(?: {_TASKS})?(?: (?:is|are|was|were|has been"
    rf"|have been|do we have|"
    rf"do i have|we have|there|still|currently|now|all|yet|already|not yet|the))*(?: "
    rf"(?P<status>{S}))?(?: {_TASKS})?"
    r"(?: (?:tasks|now|right now|so far|at the moment|currently|yet|already|on the board))*",
    re.I,
)
_LEFT = re.compile(
    r"(?:what|which|how many|how much).{0,30}\b(?:left|remains|remaining|still to do|next|on my "
    r"plate|on the board|to be done|missing|outstanding)"
    r"(?: to do| for me)?|(?:what should|what shall|what do|what can) (?:i|we) (?:do|start|work "
    r"on|need to do|have to do)(?: next| now| today| first| with)*"
    r"|(?:where are we|where do we stand|what['’]?s the (?:status|state)|status|progress|how far "
    r"are we)(?: (?:of|on|with) (?:the |this |our )?(?:project|board|tasks))?",
    re.I,
)

_NEXT = re.compile(
    r"(?:so |and |ok(?:ay)? |now )*(?:(?:what|which (?:task|one))(?: should| shall| do| can| could| would)? "
    r"(?:i|we|you) (?:do|start|begin|work on|pick(?: up)?|tackle|take|suggest|recommend)"
    r"(?: on)?(?: next| now| today| first| with| then)*"
    r"|what(?:['’]s| is)?(?: (?:up|the))? next(?: task| step)?(?: to do| on the board)?"
    r"|what now|next(?: task)?|(?:where|how) (?:should|shall|do|can) (?:i|we) (?:start|begin|continue)"
    r"|(?:what|which)(?: task| one)?(?:['’]s| is| are)(?: the)? (?:most )?(?:important|urgent"
    r"|ready(?: to start)?)(?: task| now| next)*"
    r"|(?:what|which tasks?) (?:can|could) (?:be|i|we) (?:started|begun|start)(?: now| next)?"
    r"|(?:suggest|give me|pick|recommend)(?: me)? (?:something|a task|one|the next task|what)(?: to do| to "
    r"work on)?(?: next| now)?)",
    re.I,
)
_BOARD = tuple(
    (re.compile(pattern, re.I), kind)
    for pattern, kind in (
        (
            r"(?:what|which(?: tasks?| ones?)?|who|what else)(?: (?:tasks?|all|else|then))* "
            r"(?:depends?|relies|rely|builds?|waits?|is waiting|are waiting) (?:on|for) (?P<task>.+)",
            "needed_by",
        ),
        (
            r"(?:what|which tasks?)(?: (?:is|are))? blocked by (?P<task>.+)"
            r"|what does (?P<other>.+) block",
            "needed_by",
        ),
        (
            r"(?:what|which tasks?) (?:does|do|did|must|is|are) (?P<task>.+?) (?:depend(?:ing)? on"
            r"|wait(?:ing)? (?:for|on)|need(?: first)?|require|blocked (?:by|on)|build on)",
            "needs",
        ),
        (
            r"(?:what(?:['’]s| is)?|which tasks?(?: is| are)?) (?:block(?:s|ing)?|hold(?:s|ing)(?: up)?"
            r"|stopp(?:s|ing)|needed (?:for|by|before)) (?P<task>.+)",
            "needs",
        ),
        (
            r"(?:why is|is|why isn['’]t) (?P<task>(?!any|some|every|all|there).+?) "
            r"(?:blocked|stuck|ready|not started)",
            "needs",
        ),
        (
            r"can (?:i|we) (?:already |now )?(?:start|begin)(?: with| on)? (?P<task>.+?)(?: now)?",
            "needs",
        ),
        (
            r"(?:(?:what|which) are |show(?: me)? |list )?(?:all )?(?:the )?dependencies (?:of|for) "
            r"(?P<task>.+)",
            "needs",
        ),
        (
            r"(?:(?:what|which) are |show(?: me)? |list )?(?:all )?(?:the )?(?:sub-?tasks|parts"
            r"|children) of (?P<task>.+)",
            "subtasks",
        ),
        (r"(?:what|which)(?: sub-?tasks| parts) does (?P<task>.+) have", "subtasks"),
        (
            r"(?:(?:what|which)(?: tasks?)?(?: are|['’]s| is)?|show(?: me)?|list|find) (?:all )?(?:the )?"
            r"(?P<task>(?:[\w-]+ ){0,3}(?:priority|urgent|critical)(?: [\w-]+){0,2})",
            "group",
        ),
        (
            r"(?:what(?:['’]s| is) )?(?:the )?(?:status|state|priority|description|spec(?:ification)?) of "
            r"(?P<task>.+)"
            r"|(?:show(?: me)?|write|give me) (?:the |a )?spec(?:ification)? (?:of|for) (?P<third>.+)"
            r"|how (?:far|is)(?: are we with| is)? (?P<other>.+ task)(?: going| doing| coming along)?",
            "about",
        ),
        (
            r"(?:tell|show|give)(?: me| us)? (?:more |everything |the details |details )?"
            r"(?:about |of |on )?(?P<task>task .+|.+ task|it)",
            "about",
        ),
        (
            r"(?:is|was) (?P<task>(?!any|every|all).+?) (?:done|finished|completed|open)"
            r"(?: yet| already| now)?",
            "about",
        ),
        (r"what(?:['’]s| is) (?P<task>.+ task)(?: about)?", "about"),
    )
)

_GROUP = re.compile(
    r"(?:show|list|display|find|what are|which are)(?: me| us)? (?:all )?(?:of )?(?:the |our |my )?"
    r"(?P<task>(?:[\w-]+ ){1,4}tasks(?: (?:about|for|on|with|related to) .+)?"
    r"|everything (?:about|on|for) .+)",
    re.I,
)
_ALL_DONE = re.compile(r"(?:everything|all(?: the| my| our)?(?: tasks)?) (?:is|are) ", re.I)
_IS_ALL_DONE = re.compile(
    r"(?:is|are) (?:everything|all(?: the| my| our| of the)?(?: tasks)?) (?:done|finished|completed|closed)"
    r"(?: yet| already| now)?",
    re.I,
)
_TELL = re.compile(r"^(?:show|tell)(?: me| us) (?=(?:what|which|how many)\b)", re.I)
_HEADING = re.compile(
    r"(?:the |our |my )?(?:functional |non-functional )?(?:requirements|features|user stories|scope|overview"
    r"|goals|backlog|use cases|notes|context)",
    re.I,
)
_FINISHED = re.compile(
    r"what (?:did|have) (?:we|i) (?:already |just )?(?:finish(?:ed)?|completed?|do|done|get done|achieved?)"
    r"(?: so far| already| today| yet)*|what(?:['’]s| is| has been) (?:already )?(?:done|finished)",
    re.I,
)
_BLOCKED = re.compile(
    r"what(?:['’]s| is) (?:blocking|stopping) (?:us|me|the team|progress)|(?:what are )?(?:our |the |any )?"
    r"blockers|(?:is|are) (?:anything|something|any(?: tasks?)?) (?:blocked|stuck)(?: right now| now)?",
    re.I,
)
_THERE = re.compile(
    r"(?:do we have|is there|are there|have we got)(?: already)? (?:an?|any) (?:tasks?|tickets?) "
    r"(?:about|for|on|to) (?P<query>.+)",
    re.I,
)

_RECALL = (
    (r"what (?:do|did) (?:we|you|i) (?:still |already )?know(?P<topic> about .+)", ""),
    (
        r"(?:what|which)(?P<topic>.{0,80}?) (?:did|have|had) (?:we|i|the team) (?:already "
        r")?(?:decide[d]?|choose|chosen|pick(?:ed)?|agree[d]?|settle[d]?)(?P<more>.*)",
        "decision",
    ),
    (
        r"(?:did|have) (?:we|i) (?:already )?(?:decide[d]?|choose|chosen|pick(?:ed)?"
        r"|agree[d]?)(?P<topic>.*)",
        "decision",
    ),
    (
        r"(?:why|when|how|where) (?:did|have) (?:we|i) (?:decide[d]?|choose|chosen|pick(?:ed)?"
        r"|agree[d]?)(?P<topic>.*)",
        "decision",
    ),
    (
        r"(?:what|which) (?:(?:is|was|are|were) |['’]s )?(?:the |our |my )?(?:last "
        r")?decisions?(?P<topic>.*)",
        "decision",
    ),
    (r"what['’]s (?:the |our |my )?decisions?(?P<topic>.*)", "decision"),
    (r"(?:show|list|tell)(?: me| us)? (?:all |the |our |my )*decisions?(?P<topic>.*)", "decision"),
    (r"(?:what|which)(?: are|['’]re) (?:the |our |my )?preferences?(?P<topic>.*)", "preference"),
    (
        r"(?:show|list|tell)(?: me| us)? (?:all |the |our |my )*preferences?(?P<topic>.*)",
        "preference",
    ),
    (r"what (?:do|did) (?:i|we) prefer(?P<topic>.*)", "preference"),
    (
        r"(?:what|which)(?: \w+){0,3} (?:do|did|can|could) you (?:still )?(?:remember|know|recall"
        r"|have in memory)(?P<topic>.*)",
        "",
    ),
    (r"(?:do|can) you (?:still )?(?:remember|recall|know)(?P<topic>.*)", ""),
    (
        r"(?:what|which)(?:['’]s| is| are)? (?:there )?(?:in|on) (?:the |your |our "
        r")?memory(?P<topic>.*)",
        "",
    ),
    (
        r"(?:show|list|tell|read)(?: me| us)? (?:all |the |your |our |my |what(?:['’]s| is) in "
        r")*(?:memory|memories)(?P<topic>.*)",
        "",
    ),
    (
        r"(?:search|look|find)(?: in| through)? (?:the |your |our )?(?:memory"
        r"|memories)(?P<topic>.*)",
        "",
    ),
    (r"(?:recall|remind me(?: of| about)?)(?! to\b)(?P<topic> .+)", ""),
    (r"what (?:did|have) (?:i|we) (?:tell|told|say|said)(?: to)?(?: you)?(?P<topic>.*)", ""),
)
_RECALLS = tuple((re.compile(pattern, re.I), kind) for pattern, kind in _RECALL)
_TOPIC_EDGE = re.compile(
    r"(?:(?:about|on|for|regarding|concerning|of|to|use|using|that|in|with|as|upon|already|to "
    r"use) )+",
    re.I,
)

_GREETING = re.compile(
    r"(?:hi|hello|hey|hiya|howdy|greetings|good (?:morning|afternoon|evening|day)|yo|moin"
    r"|hallo)\b(?: (?:there|samurai|agent|all|again|everyone|you|team))*",
    re.I,
)
_HOW_ARE_YOU = re.compile(
    r"(?:how are you|how['’]s it going|how do you do|what['’]s up)(?: doing)?(?: today)?", re.I
)
_THANKS = re.compile(
    r"(?:many |thanks|thank you|thx|cheers|ty|great|nice|perfect|awesome|cool|good|well|ok|okay"
    r"|excellent|wonderful|super|fine|got it)"
    r"(?:[ ,!]+(?:thanks|thank you|thx|a lot|so much|very much|for (?:that|this|your help|the "
    r"help|everything)|job|work|done|one|again|cheers|stuff))*"
    r"|i (?:like|love) (?:it|that|this)|bye|goodbye|see you(?: later| tomorrow)?|good night",
    re.I,
)
_HELP = re.compile(
    r"help|help me|\?|i need (?:your |some )?help|(?:what|how) (?:can|could|do|should|must) "
    r"(?:you|i|we) (?:do|help|say|ask|use you|use this|start|get started|offer|understand)"
    r"(?: for me| here| with you| you| this| me)?|what are you(?: able to do| good at)?|who are "
    r"you|how does (?:this|it) work|how do you work|what is this|are you (?:an? )?(?:ai|bot|llm"
    r"|language model|human)"
    r"|commands|(?:show|list)(?: me)? (?:the )?commands|usage|/help",
    re.I,
)
_ASKS = re.compile(
    r"(?:what|which|who|whose|whom|when|where|why|how|is|are|was|were|do|does|did|can|could"
    r"|should|will|would|has|have|am|may)\b",
    re.I,
)
_OURS = frozenset(["we", "our", "us", "i", "my"])


def question(text: str) -> Wish | None:
    """Returns what `text` asks for that the board or the memory can answer, or None."""
    if len(text) > 500:
        return None
    if _ALL_DONE.match(text) and not text.endswith("?"):
        return None
    text = _TELL.sub("", text.rstrip(" ?!.…"))
    if _HELP.fullmatch(text or "?"):
        return Aside("help")
    return _about_board(text) or _recall(text) or _tasks(text) or _grouped(text)


def _about_board(text: str) -> AskBoard | ListTasks | None:
    if _BLOCKED.fullmatch(text):
        return ListTasks(("blocked",))
    if _NEXT.fullmatch(text):
        return AskBoard("next")
    for pattern, kind in _BOARD:
        if match := pattern.fullmatch(text):
            return AskBoard(kind, next(filter(None, match.groups())))
    return None


def _grouped(text: str) -> AskBoard | None:
    match = _GROUP.fullmatch(text)
    return AskBoard("group", match["task"]) if match else None


def _recall(text: str) -> Recall | None:
    for pattern, kind in _RECALLS:
        if match := pattern.fullmatch(text):
            groups = match.groupdict()
            topic = f"{groups['topic']} {groups.get('more') or ''}".strip()
            return Recall(_bare(topic), kind)
    return None


def _bare(topic: str) -> str:
    """Returns `topic` without "about the"; a topic that names nothing is none."""
    edge = _TOPIC_EDGE.match(topic)
    topic = (topic[edge.end() :] if edge else topic).strip(" :,")
    idle = STOP | {
        "so",
        "far",
        "all",
        "yet",
        "everything",
        "anything",
        "stored",
        "saved",
        "now",
        "project",
    }
    return topic if any(word not in idle for word in words(topic)) else ""


def _tasks(text: str) -> ListTasks | None:
    if match := _SEARCH.fullmatch(text):
        return ListTasks(_listed(match["status"]) or (), match["query"])
    if match := _THERE.fullmatch(text):
        return ListTasks((), match["query"])
    if _IS_ALL_DONE.fullmatch(text):
        return ListTasks(OPEN)
    if _FINISHED.fullmatch(text):
        return ListTasks(("completed",))
    if _LEFT.fullmatch(text):
        return ListTasks(OPEN)
    for pattern in (_LIST, _WHICH):
        match = pattern.fullmatch(text)
        if match and len(words(text)) > 1 and _about_tasks(text):
            end = match.groupdict().get("end")
            every = () if not re.search(r"\ball tasks|\beverything", text, re.I) else EVERY
            return ListTasks(_listed(match["status"] or end) or every or OPEN)
    if match := _SEARCH_ANY.fullmatch(text):
        return ListTasks((), match["query"])
    return None


def _about_tasks(text: str) -> bool:
    lowered = text.lower()
    return any(status in lowered for status in STATUSES) or bool(
        re.search(rf"\b{_TASKS}\b", lowered)
    )


def _listed(status: str | None) -> tuple[str, ...]:
    """Returns the statuses of a word; "open" and "to do" are all that is not done."""
    if not status:
        return ()
    return OPEN if status.lower() in ("open", "todo", "to do", "to-do") else (status_of(status),)


def aside(text: str) -> Aside | None:
    """Returns what `text` says besides: a greeting or thanks; or None."""
    if len(text) > 80:
        return None
    if _HEADING.fullmatch(text.strip(" :.#")):
        return Aside("heading")
    bare = text.strip(" .!?,;:)(…👍🙏🎉😀🙂👋\ufe0f")
    if _GREETING.fullmatch(bare) or _HOW_ARE_YOU.fullmatch(bare):
        return Aside("greeting")
    if _THANKS.fullmatch(bare) or (not bare and any(sign in text for sign in "👍🙏🎉😀🙂👋")):
        return Aside("thanks")
    return None


def other(text: str) -> Wish:
    """Returns a question about what is ours as one to the memory, else what it did not understand."""
    asks = text.rstrip().endswith("?") or _ASKS.match(text) is not None
    if asks and len(text) <= 300 and _OURS & set(words(text)):
        return Recall(text.rstrip(" ?"), "?")
    return NotUnderstood(text)
