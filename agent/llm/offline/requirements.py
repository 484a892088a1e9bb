"""Requirements in prose: sentences in, tasks with a specification out. Nothing in it that nobody said."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from agent.llm.offline.titles import VERBS, capitalised, clean, sentence
from agent.llm.offline.wishes import CreateTask, NotUnderstood, Requirement, Wish
from agent.llm.offline.words import coverage

# Verbs of what software is wanted to do, beside those that a title may begin with.
_MORE = (
    "accept approve archive assign attach block browse choose comment contact copy download edit enter "
    "filter follow give invite join keep leave link mark message open pick post preview rate read receive "
    "register reject reply request resend respond scan sign submit subscribe tag type view vote withdraw"
)
_ACTIONS = VERBS | frozenset(_MORE.split())

_MODAL = r"(?:should|must|shall|can|may|needs? to|has to|have to|ought to|(?:is|are) able to)"
_WORD = r"(?!(?:that|which|who|to|by|with|for|of|in|on)\b)[\w'’/-]+"
_WHO = rf"(?:(?:the|an?|our|all|every|each|only) )?{_WORD}(?: {_WORD}){{0,3}}"
_CLAUSE = re.compile(
    rf",? ?(?:;|(?:\band|\bbut|\bwhile|\bwhereas|\bplus)\b) ?(?:also )?"
    rf"(?=(?:{_WHO} )?{_MODAL}(?: not| never)? \w)",
    re.I,
)
_STORY = re.compile(
    r"as (?P<who>(?:an?|the) [^,]{1,60}?),? i(?: want| need|['’]d like| would like| can| should"
    r"| must| have)(?: to)?(?: be able to)? (?P<what>.+)",
    re.I,
)
WHY = re.compile(
    r",? (?:so that|in order that|in order to|so (?=(?:i|we|they|he|she|it|users?)\b)) ?", re.I
)
_BUT = re.compile(r",? but only ", re.I)
_BECAUSE = re.compile(r",? (?:because(?: of)?|since|due to) ", re.I)
_NICE = re.compile(
    rf"it would be (?:nice|great|good|useful|helpful|cool|better) if (?P<who>{_WHO}) could "
    r"(?:also )?(?P<what>.+)",
    re.I,
)
_SURE = re.compile(r"(?:make sure|ensure|see to it)(?: that)? (?P<what>.+)", re.I)
_HEADED = re.compile(
    r"(?:new )?(?:feature|epic|requirement|use case|(?:user )?story)(?: ?\d+)? ?(?::|-|–) ?(?P<what>.+)",
    re.I,
)
_MORE_OF_IT = re.compile(
    r"(?:the )?(?P<criteria>acceptance criteria|criteria|(?:it is |it’s |it's )?done when"
    r"|definition of done|requirements|details|it (?:should|must|has to|needs to)(?: be able to)?)"
    r"|(?:the )?(?P<limits>constraints|limits|rules|non-goals|out of scope)",
    re.I,
)
_BUG = re.compile(
    r"(?:(?:there(?:['’]s| is)|we have|i found|found) )?(?:an? |another )?(?:bug|defect|regression)"
    r"(?: (?:that|where|when))?(?::| -|,)? (?P<what>.+)",
    re.I,
)
_WANTED = re.compile(
    rf"(?:i|we)(?:['’]d| would)? (?:want|need|like|expect) (?P<who>{_WHO}) to (?:be able to )?(?P<what>.+)",
    re.I,
)
_LET = re.compile(
    rf"(?:(?:please )?(?:let|allow|enable|permit)|(?:the|our) (?:app|application|system|site|website"
    rf"|platform|product|tool|service) (?:should |must |shall )?(?:lets?|allows?|enables?))"
    rf" (?P<who>{_WHO}?) (?:to )?(?P<what>(?:{'|'.join(sorted(_ACTIONS))})\b.*)",
    re.I,
)
_POSSIBLE = re.compile(
    rf"(?:it (?:should|must|shall|needs to) be possible|make it possible)(?: for (?P<who>{_WHO}))? to "
    r"(?P<what>.+)",
    re.I,
)
_ABLE = re.compile(
    r"(?P<who>[\w'’ /-]{1,60}?) (?:should|must|shall|needs? to|has to|have to)(?: also)? be able to "
    r"(?P<what>.+)",
    re.I,
)
_CAN = re.compile(
    rf"(?P<who>(?:the |an? |all |only )?(?!my\b|how\b|what\b|where\b|when\b|why\b){_WORD}(?: {_WORD})?)"
    r" can(?: also)? (?P<what>.+)",
    re.I,
)
_SHOULD = re.compile(
    r"(?P<who>[\w'’ /-]{1,60}?) (?P<modal>should|must|shall|needs? to|has to|have to|ought to)"
    r"(?: also)? (?P<what>.+)",
    re.I,
)
_WANTS = re.compile(
    rf"(?P<who>{_WHO}) (?:wants?|needs?|would like) to (?:be able to )?(?P<what>.+)", re.I
)
_EVERY = re.compile(
    r"(?:every|each) [\w' -]{2,40}? (?:needs?|requires?|has|gets?) .+"
    r"|(?:the|our) [\w' -]{2,40}? (?:needs?|requires?) an? .+",
    re.I,
)
_QUESTION = re.compile(
    r"(?:what|how|who|which|where|when|why|should|must|can|do|does|is|are)\b", re.I
)
_WHEN = re.compile(
    r"(?P<when>(?:when|whenever|if|once|after|before|as soon as|as long as|while|until|unless) "
    r"[^,]{3,120}), ?(?:then )?(?P<rest>.+)",
    re.I,
)
# The product itself, which titles leave out; and who cannot be known from the sentence alone.
_PRODUCT = re.compile(
    r"(?:it|this|that|we|i|(?:(?:the|our|my|this) )?"
    r"(?:app|application|system|site|website|product|service|software|tool|page|platform))$",
    re.I,
)
_NOBODY = re.compile(r"(?:you|they|he|she|these|those|there|which|who|what|one)$", re.I)
_POINTS = re.compile(
    r"\b(?:it|its|this|that|these|those|them|their|they|he|she|his|her|there|such|both|so)\b", re.I
)
# A sentence that begins so speaks of the one before it.
_BACK = re.compile(
    r"(?:it|its|this|that|these|those|they|them|there|the task|also|then|otherwise|in that case)\b",
    re.I,
)
# "did it", "does so": what was done, and no thing that could be named.
_DONE_SO = re.compile(r"\b(?:did|does|do|done|doing) (?:it|this|that|so)\b", re.I)
_OBJECT = re.compile(r"\b(?:it|them)\b", re.I)
_THING = re.compile(r"\b(?:it|them|this|these|those)\b", re.I)
_BEHIND = re.compile(
    r" (?:by|with|for|on|in|to|from|at|so|when|before|after|via|through|and|or)\b|,", re.I
)
_LIMIT = re.compile(
    r"\b(?:not|never|only|cannot|can['’]t|no (?:more|less|later|longer|fewer)|at (?:most|least)|within"
    r"|unless|until|without|expires?|limit\w*|max(?:imum)?|min(?:imum)?|up to|exactly|always|per|every"
    r"|before|after|except|\d+)\b",
    re.I,
)


def requirement(text: str) -> Requirement | None:
    """Returns what the sentence `text` requires, or None. Long texts are no requirement."""
    text = text.strip()
    if text.endswith("?") or len(text) > 2000:
        return None
    said = sentence(text)
    if match := _HEADED.fullmatch(text.rstrip(" .!;")):
        found = _required(match["what"], said) or Requirement(match["what"])
        return replace(found, heading=True)
    return _required(text.rstrip(" .!;"), said)


def _required(text: str, said: str) -> Requirement | None:
    if match := _WHEN.fullmatch(text):
        found = _required(match["rest"], said)
        when = f"{match['when'][:1].lower()}{match['when'][1:]}"
        if found is None:
            return None
        criteria = tuple(f"{one} {when}" for one in found.criteria)
        return replace(found, title=f"{found.title} {when}", criteria=criteria)
    text, why = apart(text, WHY)
    text, because = apart(text, _BECAUSE)
    head, *others = _CLAUSE.split(text)
    head, limit = apart(head.strip(" ,"), _BUT)
    found = _one(head)
    if found is None:
        return None
    limits = (f"only {limit}",) if limit else ()
    found = replace(found, said=said, why=why or because, limits=limits)
    for other in others:
        found = _with_clause(found, other.strip(" ,"))
    return found


def apart(text: str, mark: re.Pattern[str]) -> tuple[str, str]:
    """Returns `text` up to `mark`, and what stands behind it."""
    match = mark.search(text)
    if match is None or match.start() < 8:
        return text, ""
    return text[: match.start()].rstrip(" ,"), text[match.end() :]


def _one(text: str) -> Requirement | None:
    """Returns what one clause requires."""
    if match := _STORY.fullmatch(text):
        found = _able(match["who"], match["what"], title=match["what"])
        return replace(found, criteria=tuple(map(_of_others, found.criteria)))
    if _QUESTION.match(text):
        return None
    for pattern in (_NICE, _WANTED, _LET, _POSSIBLE, _ABLE, _CAN, _WANTS):
        if (match := pattern.fullmatch(text)) is None:
            continue
        who = match["who"] or ""
        if _NOBODY.match(who) or (pattern in (_CAN, _WANTS) and _PRODUCT.match(who)):
            return None
        return _able("" if _PRODUCT.match(who) else who, match["what"])
    return _should(text)


def _of_others(text: str) -> str:
    """Returns “see my bookings”, which a patient said, as it is said of a patient."""
    for mine, theirs in (("my", "their"), ("me", "them"), ("i", "they"), ("myself", "themselves")):
        text = re.sub(rf"\b{mine}\b", theirs, text, flags=re.I)
    return text


def _should(text: str) -> Requirement | None:
    if match := _SURE.fullmatch(text):
        return Requirement(match["what"], criteria=(match["what"],))
    if match := _BUG.fullmatch(text):
        return Requirement(f"Fix: {match['what']}")
    if _EVERY.fullmatch(text):
        return Requirement(text, criteria=(text,))
    match = _SHOULD.fullmatch(text)
    if match is None or _NOBODY.match(match["who"]):
        return None
    if re.match(r"(?:i|we)$", match["who"], re.I):
        is_work = match["what"].split()[0].lower() in VERBS
        return Requirement(match["what"]) if is_work else None
    whole = f"{match['who']} {match['modal']} {match['what']}"
    if _PRODUCT.match(match["who"]):
        return Requirement(_do_not(match["what"]), criteria=(whole,))
    return Requirement(whole, who=match["who"], criteria=(whole,))


def _do_not(what: str) -> str:
    return f"Do {what}" if what.startswith("not ") else what


def _able(who: str, what: str, *, title: str = "") -> Requirement:
    verbs = _verbs(what)
    can = f"{who} can " if who else ""
    return Requirement(
        title or f"{can}{what}",
        who=who,
        criteria=tuple(f"{can}{verb}" for verb in verbs),
        parts=tuple(f"{can}{verb}" for verb in verbs) if _are_tasks(verbs) else (),
    )


def _are_tasks(verbs: Sequence[str]) -> bool:
    """Tells whether each action stands for itself: more than two, and none about “it”."""
    return len(verbs) > 2 and not any(map(_OBJECT.search, verbs))


def _verbs(what: str) -> list[str]:
    """Returns what is to be done, action by action: "book and cancel a slot" is two."""
    pieces = [piece.strip() for piece in re.split(r",(?: and| or)? |,? and (?=\w)", what)]
    if len(pieces) < 2 or not all(_is_action(piece) for piece in pieces):
        return [what]
    bare = [piece for piece in pieces if len(piece.split()) == 1]
    if len(pieces) == 2 and pieces[0] in bare and len(pieces[1].split()) > 1:
        thing = pieces[1].partition(" ")[2]
        return [f"{pieces[0]} {thing}", pieces[1]]
    return pieces if not bare else [what]


def _is_action(piece: str) -> bool:
    return piece.split()[0].lower() in _ACTIONS if piece.split() else False


def _with_clause(found: Requirement, text: str) -> Requirement:
    """Adds "and admins must see who did it" to what was required before it."""
    other = _one(text)
    if re.match(rf"{_MODAL}\b", text, re.I) and found.who:
        text = f"{found.who} {text}"
    whole = capitalised(text)
    if other is None or not other.who or _DONE_SO.search(text):
        return with_more(found, whole)
    named = _object(found)
    if _OBJECT.search(text) and named:
        other = replace(
            other,
            title=_OBJECT.sub(named, other.title, count=1),
            criteria=tuple(_OBJECT.sub(named, one, count=1) for one in other.criteria),
        )
    elif _POINTS.search(text.partition(" ")[2]):
        return with_more(found, whole)
    return replace(found, others=(*found.others, replace(other, said=found.said)))


def _object(found: Requirement) -> str:
    """Returns the thing that a requirement is about: “free slots” of “publish free slots”."""
    return thing_of(found.criteria[-1].partition(" can ")[2] or found.criteria[-1])


def thing_of(what: str) -> str:
    """The same of the action alone; nothing when it does not begin with a known verb."""
    verb, _, rest = what.partition(" ")
    if verb.lower() not in _ACTIONS:
        return ""
    thing = _BEHIND.split(rest)[0]
    thing = re.sub(r"^an? ", "the ", thing)
    return thing if 0 < len(thing.split()) <= 4 and not _POINTS.search(thing) else ""


def with_more(found: Requirement, text: str) -> Requirement:
    """Returns `found` with one more sentence about it: a limit, or what must be true when it is done."""
    if _LIMIT.search(text):
        return replace(found, limits=(*found.limits, text))
    return replace(found, criteria=(*found.criteria, text))


def listed(before: Wish, heading: str, items: Sequence[str]) -> Requirement | CreateTask | None:
    """Returns `before` with a list about it, such as its acceptance criteria; None for other lists."""
    match = _MORE_OF_IT.fullmatch(heading.strip(" :.-–"))
    if match is None or not isinstance(before, Requirement | CreateTask):
        return None
    if isinstance(before, CreateTask):
        lines = [f"- {sentence(clean(item))}" for item in items]
        name = "Constraints" if match["limits"] else "Acceptance criteria"
        text = "\n".join([f"{name}:", *lines])
        return replace(before, description="\n\n".join(filter(None, (before.description, text))))
    if match["limits"]:
        return replace(before, limits=(*before.limits, *items))
    return replace(before, criteria=(*before.criteria, *items))


def continued(before: Wish, text: str, wish: Wish) -> Requirement | CreateTask | None:
    """Returns `before` with what the sentence `text`, read alone as `wish`, says more about it; or
    None when it says something of its own."""
    bare = clean(text)
    if text.endswith("?") or not 2 < len(bare.split()) <= 100:
        return None
    points = _BACK.match(bare) is not None
    if isinstance(before, CreateTask):  # by a command: only what surely speaks of it
        points = points or coverage(bare, before.description) > 0
        if not points or not isinstance(wish, Requirement | NotUnderstood):
            return None
        lines = filter(None, (before.description, sentence(bare)))
        return replace(before, description="\n".join(lines))
    if not isinstance(before, Requirement):
        return None
    if before.heading and isinstance(wish, NotUnderstood | Requirement):
        return with_more(before, bare)
    if isinstance(wish, NotUnderstood) or (
        isinstance(wish, Requirement | CreateTask) and (points or _THING.search(bare))
    ):
        last = before.others[-1:] or (before,)
        more = with_more(last[0], bare)
        return replace(before, others=(*before.others[:-1], more)) if before.others else more
    return None
