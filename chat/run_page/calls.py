"""The calls of a run to its model: what was sent in parts, what came back, and what it cost."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from django.conf import settings

from agent.accounts.access import includes, role_in
from agent.llm import prices
from agent.llm.tokens import estimate
from agent.llm.writing import unpack
from agent.models import ModelCall, Run
from agent.models.projects import Role
from agent.support.counts import count
from agent.support.durations import duration
from chat.run_page.rows import Rows
from chat.run_page.spans import CALLS

if TYPE_CHECKING:
    from django.contrib.auth.models import User

ON_PAGE = 10  # calls, each with its whole prompt
# The blocks of a prompt. What stands between them are instructions.
_BLOCK = re.compile(
    r'<data name="(?P<name>[^"\n]*)">\n(?P<data>.*?)\n?</data>'
    r"|<message(?: [^>\n]*)?>\n(?P<message>.*?)\n?</message>",
    re.DOTALL,
)
_TOOLS = re.compile(r"^Tools\b[^\n]*:\n(?:(?:- |  )[^\n]*\n?)+", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a prompt. `tokens`: estimated; `share`: in percent of the prompt."""

    name: str
    text: str
    tokens: int
    share: int


@dataclass(frozen=True, slots=True)
class Call:
    """A call to the model, with its prompt in blocks. `cost`: "unknown" without a price."""

    row: ModelCall
    name: str
    took: str
    first: str
    cost: str
    blocks: list[Block]

    @property
    def tokens(self) -> int:
        return sum(block.tokens for block in self.blocks)


@dataclass(frozen=True, slots=True)
class Shown:
    """A page of calls. `first`: the number of its first call, `total`: of all; `before`, `after`: the
    numbers of the pages around it, 0 if there is none.
    """

    calls: list[Call]
    first: int
    total: int
    before: int
    after: int

    @property
    def last(self) -> int:
        return self.first + len(self.calls) - 1


def may_read(user: User, run: Run) -> bool:
    """Prompts contain what is told to the model about the whole project: only its owner, and the staff
    among its members, may read them. `SAMURAI_SHOW_PROMPTS` can switch that off.
    """
    if not settings.SAMURAI_SHOW_PROMPTS:
        return False
    return user.is_staff or includes(role_in(user, run.session.project), Role.OWNER)


def of_run(rows: Rows, page: int) -> Shown:
    """Returns the calls of the run on a page, the first one if there is no such page."""
    pages = max(-(-len(rows.calls) // ON_PAGE), 1)
    page = page if 1 <= page <= pages else 1
    first = (page - 1) * ON_PAGE
    keys = [row.pk for row in rows.calls[first : first + ON_PAGE]]
    texts = rows.run.model_calls.in_bulk(keys) if keys else {}
    calls = [_call(texts[key]) for key in keys if key in texts]
    return Shown(calls, first + 1, len(rows.calls), page - 1, page + 1 if page < pages else 0)


def note(rows: Rows, *, may_read: bool) -> str:
    """Returns why calls are not shown, or not all of them; "" if all are."""
    days, used = settings.SAMURAI_KEEP_PROMPTS_DAYS, rows.run.usage.get("calls", 0)
    if not settings.SAMURAI_SHOW_PROMPTS:
        return "What the model was sent is not shown: SAMURAI_SHOW_PROMPTS is off."
    if not may_read:
        return "Only the owner of the project can read what the model was sent."
    if rows.more_calls:
        return f"These are the last {len(rows.calls)} calls."
    if not rows.calls and not used:
        return "This run has made no call to a model."
    gone = used - len(rows.calls)
    if gone <= 0:
        return ""
    kept = "Calls are not kept: SAMURAI_KEEP_PROMPTS_DAYS is 0."
    if days:
        kept = f"Calls are deleted after {count(days, 'day', 'days')}."
    return f"{count(gone, 'call')} of this run {'is' if gone == 1 else 'are'} gone. {kept}"


def cost(run: Run) -> Decimal | None:
    """Returns what the run cost; None if that is unknown, or it has used no model."""
    used = run.usage
    return prices.cost(run.model, used.get("input_tokens", 0), used.get("output_tokens", 0))


def _call(row: ModelCall) -> Call:
    first = "" if row.first_ms is None else duration(row.first_ms)
    amount = prices.cost(row.model, row.input_tokens, row.output_tokens)
    return Call(
        row,
        CALLS.get(row.verb, row.verb.capitalize()),
        duration(row.duration_ms),
        first,
        prices.shown(amount),
        _blocks_of(row),
    )


def _blocks_of(row: ModelCall) -> list[Block]:
    try:
        return blocks(unpack(bytes(row.prompt)))
    except (ValueError, zlib.error):  # written by something else than this program
        return []


def blocks(turns: Iterable[dict[str, str]]) -> list[Block]:
    """Returns the parts of a prompt in order: instructions, tools, the blocks of data, the message."""
    parts = [part for turn in turns for part in _parts(turn) if part[1]]
    tokens = [estimate(text) for _, text in parts]
    total = sum(tokens) or 1
    return [
        Block(name, text, number, round(number * 100 / total))
        for (name, text), number in zip(parts, tokens, strict=True)
    ]


def _parts(turn: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yields the name and the text of each part of one turn."""
    content, end = turn["content"], 0
    if turn["role"] == "assistant":
        yield "invalid answer of the model", content.strip()
        return
    for match in (_TOOLS if turn["role"] == "system" else _BLOCK).finditer(content):
        yield "instructions", content[end : match.start()].strip()
        yield _named(match)
        end = match.end()
    yield "instructions", content[end:].strip()


def _named(match: re.Match[str]) -> tuple[str, str]:
    if match.re is _TOOLS:
        return "tools", match[0].strip()
    if match["name"] is not None:
        return match["name"], match["data"]
    return "message", match["message"]
