"""The template library `admin_cells`: the cells of a list, each with the name of its column.

A narrow screen shows a row as a card, where no head of a table says what a cell is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from django import template
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst

from agent.support.words import marked

register = template.Library()


@register.filter
def labelled(cells: Iterable[str], headers: Sequence[Mapping[str, Any]]) -> list[SafeString]:
    """Returns the cells of a row, HTML that Django rendered, with `data-label`; characters that nobody sees
    are marked.

    The column of the boxes that select rows has a box, and no name, in its head.
    """
    names = [str(header["text"]) for header in headers]
    return [
        mark_safe(cell if name.startswith("<") else _TAG.sub(_label(name), marked(cell), count=1))
        for cell, name in zip(cells, names, strict=False)
    ]


_TAG = re.compile("^<t[dh]")


def _label(name: str) -> Callable[[re.Match[str]], str]:
    return lambda tag: f'{tag[0]} data-label="{escape(capfirst(name))}"'
