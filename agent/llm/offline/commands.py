"""Rules for commands about tasks: a clause in, a wish out. Nothing is looked up on the board."""

from __future__ import annotations

import re
from collections.abc import Callable

from agent.llm.offline.sentences import MASK
from agent.llm.offline.vocabulary import P, S, priority_of, status_of
from agent.llm.offline.wishes import (
    ChangeStatus,
    DeleteTasks,
    Depend,
    Describe,
    Forget,
    Move,
    Rename,
    ReviseMemory,
    SetParent,
    SetPriority,
    Unclear,
    Wish,
)

# A clause longer than this is text to keep, not a command about something that exists; some rules
# below look at each place where a phrase may end and must not do so in a book.
LONGEST_COMMAND = 1000

_POLITE = re.compile(
    r"(?:please|pls|kindly|ok(?:ay)?|now|so|well|also|hey(?: there)?|hi(?: there)?|hello(?: "
    r"there)?|yes"
    r"|sure|great|perfect|thanks|thank you|alright|all right|cool|samurai|by the way|btw|oh|hmm"
    r"|go ahead and|just)(?:[,!.:] ?| )(?=\S)"
    r"|(?:(?:can|could|would|will) you(?: please| kindly| also)?"
    r"|i(?:['’]d| would) like you to|i (?:want|need) you to|would you mind) ",
    re.I,
)
_LETS = re.compile(
    r"(?:let['’]?s|let us|i(?:['’]d| would) like to|i want to|i need to|we need to|you should"
    r"|we should|i['’]ll|we can) (?:now |also )?"
    r"(?=(?:create|add|make|open) (?:an?|the|another|two|three|\d+) (?:new )?tasks?\b"
    r"|(?:mark|rename|delete|remove|drop|remember|forget|start|begin|finish|complete|reopen)\b)",
    re.I,
)


def plain(text: str) -> str:
    """Returns `text` without the politeness around it: "Could you please X?" is "X"."""
    start, asked = 0, False
    while match := _POLITE.match(text, start) or _LETS.match(text, start):
        asked = asked or "you" in match.group().lower()
        start = match.end()
    text = text[start:].strip()
    text = re.sub(
        r"(?:,? (?:please|thanks|thank you|now|for me))+([.!?]?)$", r"\1", text, flags=re.I
    )
    return text.rstrip("?") if asked else text


Build = Callable[[re.Match[str]], Wish]


def _status(match: re.Match[str]) -> Wish:
    return ChangeStatus(match["task"], status_of(match["status"]))


def _to(status: str, *among: str) -> Build:
    return lambda match: ChangeStatus(match["task"], status, among)


def _priority(match: re.Match[str]) -> Wish:
    return SetPriority(match["task"], priority_of(match["priority"]))


def _depend(match: re.Match[str]) -> Wish:
    return Depend(match["task"], match["on"])


_T = "(?P<task>.+?)"
_ON = "(?P<on>.+)"
_NOW = "(?: now| already| again| for now| at the moment)?"
_ORDER = "(?:move|put|place|bring|shift|push|pull|drag|set|reorder|rank)"
_BOARD = r"(?: of (?:the )?(?:board|list|backlog|queue))?"
_WHERE = {
    **dict.fromkeys(("before", "ahead of", "in front of", "above"), "before"),
    **dict.fromkeys(("after", "behind", "below"), "after"),
    **dict.fromkeys(("top", "front", "beginning", "start", "first"), "top"),
    **dict.fromkeys(("bottom", "end", "back", "last"), "bottom"),
}
_START = re.compile(r" (?:can|may|could) (?:be )?(?:start|started|begin|begun)$", re.I)
_LEFT = r"(?:['’]s| has been| was| have been| are| is)"

# In this order: the first that fits the whole clause counts.
_RULES: tuple[tuple[str, Build], ...] = (
    # -- memory
    (
        r"(?:forget|erase|delete|remove|drop) (?:the |this |that |your )?(?:memory|memories"
        r"|decision"
        r"|preference|fact)(?: (?:about|of|on|that|called|named))?:? (?P<topic>.+)",
        lambda match: Forget(match["topic"]),
    ),
    (
        r"(?:forget|delete|remove) (?P<topic>(?:the |this |that )?(?:last )?(?:memory|decision"
        r"|preference|fact))",
        lambda match: Forget("it"),
    ),
    (
        r"(?:delete|remove|erase|drop) (?:the )?(?P<topic>.+?) (?:memory|decision|preference)",
        lambda match: Forget(match["topic"]),
    ),
    (
        r"(?:delete|remove|erase) (?P<topic>.+?) from (?:the |your |our )?memory",
        lambda match: Forget(match["topic"]),
    ),
    (
        r"forget(?: about| that)?:? (?P<topic>.+)",
        lambda match: Forget(match["topic"]),
    ),
    (
        r"(?:update|change|correct|revise|edit|replace) (?:the |your |our |my )?(?:memory"
        r"|decision|preference|fact)"
        r"(?: (?:about|of|on|that|called|named|for))?:? (?P<rest>.+ (?:to|with|into):? .+)",
        lambda match: ReviseMemory(match["rest"]),
    ),
    (
        r"(?:update|change|correct|revise|edit|replace) (?:the )?(?P<topic>.+?) (?:memory"
        r"|decision|preference)"
        r" (?:to|with|into):? (?P<new>.+)",
        lambda match: ReviseMemory(f"{match['topic']} to {match['new']}"),
    ),
    # -- dependencies, before "is blocked" and "remove"
    (
        rf"{_T} (?:no longer|does not|doesn['’]t|do not|don['’]t) depends? on {_ON}",
        lambda match: Depend(match["task"], match["on"], ends=True),
    ),
    (
        rf"(?:remove|delete|drop) (?:the )?dependency (?:of|from) {_T} (?:on|to|from) {_ON}",
        lambda match: Depend(match["task"], match["on"], ends=True),
    ),
    (rf"(?:make|let|have) {_T} (?:depend on|wait for|depending on|dependent on) {_ON}", _depend),
    (rf"{_T}(?<! that)(?<! which) (?:(?:should|must|will|does|also) )?depends? on {_ON}", _depend),
    (rf"{_T} (?:is|are|must be|should be) (?:blocked by|dependent on|waiting for) {_ON}", _depend),
    (rf"{_T} (?:waits|wait|must wait|has to wait|should wait) for {_ON}", _depend),
    (
        rf"{_T} (?:comes|come|should come|goes|must come|can only start|can start only|starts) "
        rf"after {_ON}",
        _depend,
    ),
    (rf"{_T} (?:needs|need|requires|require) {_ON} first", _depend),
    (rf"block {_T} (?:by|on) {_ON}", _depend),
    (rf"(?:do|start) {_T} after {_ON}", _depend),
    (
        rf"{_T} (?:comes|come|should come|must come|goes) before {_ON}",
        lambda match: Depend(match["on"], match["task"]),
    ),
    # -- the order, before "move to done" and "put it last"
    (
        rf"(?:finish|complete|do|start) {_T} before (?P<other>.+)",
        lambda match: Depend(match["other"], match["task"]),
    ),
    (
        rf"{_T} (?:must|should|has to|have to|needs to) be (?:done|finished|completed|ready) "
        r"before (?P<other>.+)",
        lambda match: Depend(_START.sub("", match["other"]), match["task"]),
    ),
    (
        rf"{_ORDER} {_T} (?:up |down |to )?(?:right |directly |just |straight )?"
        r"(?P<where>before|ahead of|in front of|above|after|behind|below)(?: that of)? (?P<other>.+)",
        lambda match: Move(match["task"], _WHERE[match["where"].lower()], match["other"]),
    ),
    (
        rf"{_ORDER} {_T} (?:up |down )?(?:to |at |on )?(?:the )?(?:very )?"
        rf"(?P<where>top|front|beginning|start|bottom|end|back|first|last){_BOARD}",
        lambda match: Move(match["task"], _WHERE[match["where"].lower()]),
    ),
    (
        rf"(?:move|push|bring|shift) {_T} (?P<where>up|down)(?: (?:one|a)(?: place| step)?)?",
        lambda match: Move(match["task"], match["where"].lower()),
    ),
    (
        rf"{_T} (?:comes?|goes|go|should come|should be|must be) (?P<where>first|last)",
        lambda match: Move(match["task"], _WHERE[match["where"].lower()]),
    ),
    (
        rf"(?:move|take|put|pull) {_T} out of (?:its parent|.+)",
        lambda match: SetParent(match["task"], ""),
    ),
    (
        rf"(?:make|turn) {_T} (?:into )?(?:an? )?(?:top[- ]?level|independent|separate|main)(?: task)?",
        lambda match: SetParent(match["task"], ""),
    ),
    (
        rf"(?:remove|detach) {_T} from (?:its|their) parents?(?: tasks?)?",
        lambda match: SetParent(match["task"], ""),
    ),
    # -- priority
    (
        rf"(?:set|change|raise|lower|make|put) (?P<task>its|their) priority (?:to |as )?(?P<priority>{P})",
        _priority,
    ),
    (
        rf"(?:set|change|raise|lower|put|increase|decrease|bump|update) (?:the )?priority (?:of"
        rf"|for|on) {_T} "
        rf"(?:to|as) (?P<priority>{P})(?: prio(?:rity)?)?",
        _priority,
    ),
    (
        rf"(?:set|change|raise|lower|increase|decrease|bump|update) {_T}['’]s? priority (?:to|as) "
        rf"(?P<priority>{P})",
        _priority,
    ),
    (
        rf"(?:set|change|mark|move|put|raise|lower|bump|give|make|switch|update) {_T}(?: to be)?"
        rf"(?: to| as| at| on| a)? (?:an? )?(?P<priority>{P})[ -]prio(?:rity)?",
        _priority,
    ),
    (
        rf"(?:set|change|raise|lower|bump|mark|make|update) {_T} (?:(?:to|as) )?(?P<priority>{P})",
        _priority,
    ),
    (
        rf"(?:raise|increase|bump(?: up)?) (?:the )?priority (?:of|for|on) {_T}",
        lambda match: SetPriority(match["task"], "high"),
    ),
    (
        rf"(?:lower|decrease|reduce) (?:the )?priority (?:of|for|on) {_T}",
        lambda match: SetPriority(match["task"], "low"),
    ),
    (rf"(?:assign|give|set) (?:an? )?(?P<priority>{P})[ -]priority to {_T}", _priority),
    (rf"prioriti[sz]e {_T}", lambda match: SetPriority(match["task"], "high")),
    (
        rf"{_T} (?:is|are|should be|should have|must be|must have|has) (?:an? |of "
        rf")?(?P<priority>{P})"
        r"(?:[ -]prio(?:rity)?)?",
        _priority,
    ),
    # -- status
    (
        rf"(?:mark|set|move)(?: (?:these|the following|those))?(?: tasks)? (?:as|to) "
        rf"(?P<status>{S}): ?{_T}",
        _status,
    ),
    (
        rf"(?:set|change|update|switch) (?:the )?status (?:of|for) {_T} (?:to|as|into) "
        rf"[\"“]?(?P<status>{S})",
        _status,
    ),
    (rf"(?:set|change|update) (?P<task>its|their) status (?:to|as|into) (?P<status>{S})", _status),
    (rf"(?:set|change|update|switch) {_T}['’]s? status (?:to|as|into) (?P<status>{S})", _status),
    (
        rf"(?:mark|set|move|change|put|update|switch|flag|turn|get) {_T}(?: back)?(?: as being| "
        rf"as| to be"
        rf"| to| into| in| over to)? (?:the )?(?P<status>{S})(?: (?:status|state|column))?{_NOW}",
        _status,
    ),
    (
        rf"(?:finish|complete|close|resolve|check off|tick off|cross off|conclude)(?: with)? {_T}",
        _to("completed"),
    ),
    (
        rf"(?:start(?: working on| with| on)?|begin(?: working on| with)?|resume|work on|pick "
        rf"up) {_T}",
        _to("in_progress"),
    ),
    (rf"block {_T}", _to("blocked")),
    (rf"pause {_T}", _to("blocked")),
    (rf"unblock {_T}", _to("pending", "blocked")),
    (rf"re-?open {_T}", _to("pending", "completed")),
    (rf"(?:un-?start|reset) {_T}", _to("pending")),
    (
        rf"(?:i|we)(?:['’]ve| have|['’]m|['’]re| am| are)?(?: just| already| now)? "
        rf"(?:finished|completed|closed|done with|done|resolved|finished with) {_T}",
        _to("completed"),
    ),
    (
        rf"(?:i|we)(?:['’]ve| have|['’]m|['’]re| am| are)?(?: just| already| now)? "
        rf"(?:started(?: working on| with)?|begun|working on|starting(?: with)?|began) {_T}",
        _to("in_progress"),
    ),
    (rf"(?:i|we)(?:['’]m|['’]re| am| are) (?:stuck|blocked) (?:on|with|at) {_T}", _to("blocked")),
    (rf"{_T}(?<! that)(?<! which){_LEFT}{_NOW} (?P<status>{S}){_NOW}", _status),
    # -- the rest
    (
        rf"(?:make|move|put|set|turn|group|collect|gather|nest|file) {_T} (?:into |to be )?(?:as )?"
        rf"(?:a |an )?(?:sub-?tasks? of|sub-?tasks? under|child of|children of|parts? of|under|beneath|into)"
        r" (?P<parent>.+)",
        lambda match: SetParent(match["task"], match["parent"]),
    ),
    (
        rf"{_T} (?:is|are|should be|belongs?|goes|go) (?:now )?(?:a |an )?(?:sub-?tasks? of|parts? of"
        r"|child of|under|to) (?P<parent>.+)",
        lambda match: SetParent(match["task"], match["parent"]),
    ),
    (
        r"(?:rename|retitle) (?P<rest>.+ (?:to|as|into|in):? .+)",
        lambda match: Rename(match["rest"]),
    ),
    (
        r"(?:change|set|update) the (?:title|name) of (?P<rest>.+ (?:to|as|into):? .+)",
        lambda match: Rename(match["rest"]),
    ),
    (
        rf"call (?P<task>.+?) (?P<new>{MASK})(?: instead)?",
        lambda match: Rename(f"{match['task']} to {match['new']}"),
    ),
    (
        rf"(?:set|change|update|replace) (?:the )?description (?:of|for|on) {_T}(?: to:? |: ?| "
        rf"with:? )(?P<text>.+)",
        lambda match: Describe(match["task"], match["text"]),
    ),
    (
        rf"describe {_T}(?: as:? |: ?)(?P<text>.+)",
        lambda match: Describe(match["task"], match["text"]),
    ),
    (
        rf"add (?:an? |the |this |some )?(?:description|note|comment|details?)(?: saying| that "
        rf"says)? "
        rf"(?P<text>{MASK}) (?:to|on|for) {_T}",
        lambda match: Describe(match["task"], match["text"], append=True),
    ),
    (
        rf"add (?:an? |the |this |some )?(?:description|note|comment|details?) (?:to|on"
        rf"|for) {_T}(?:: ?|, | saying:? | that )"
        r"(?P<text>.+)",
        lambda match: Describe(match["task"], match["text"], append=True),
    ),
    (
        r"add (?:an? |the |this |some )?(?:description|note|comment|details?):? (?P<text>.+) "
        r"(?:to|on|for) (?P<task>.+)",
        lambda match: Describe(match["task"], match["text"], append=True),
    ),
    (
        rf"add (?P<text>{MASK}) to (?:the )?description of {_T}",
        lambda match: Describe(match["task"], match["text"], append=True),
    ),
    (
        r"(?:delete|remove|drop|get rid of|discard|erase|scrap|trash|throw away|kill|clear(?: out"
        r"| away)?|clean up|purge|wipe) (?P<task>.+?)"
        r"(?: from (?:the |my |our )?(?:board|list|tasks|backlog|project))?",
        lambda match: DeleteTasks(match["task"]),
    ),
    (
        r"(?:mark|set|move|change|update|rename|delete|remove|drop|finish|complete|start|block"
        r"|close|reopen"
        r"|prioriti[sz]e|describe)(?: (?:the |a |my )?tasks?)?",
        lambda match: Unclear(f"Which task do you mean by “{match.group()}”?"),
    ),
    (
        r"(?:mark|rename) (?P<task>.+)",
        lambda match: Unclear(
            f"What is to become of “{match['task']}”? "
            "Say for example “Mark it as done” or “Rename it to …”."
        ),
    ),
)

RULES = tuple((re.compile(pattern, re.I), build) for pattern, build in _RULES)


def command(text: str) -> Wish | None:
    """Returns what `text` orders to be done to something that exists, or None."""
    if len(text) > LONGEST_COMMAND:
        return None
    text = text.rstrip(" .!;,:")
    for rule, build in RULES:
        if match := rule.fullmatch(text):
            return build(match)
    return None
