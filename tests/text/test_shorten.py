"""Shortened texts: what a reader sees as one character stays whole."""

from __future__ import annotations

from random import Random

import pytest
import regex
from django.contrib.auth.models import User

from agent.llm.offline import refusals
from agent.llm.offline.new_tasks import Misread
from agent.models import ChatSession, Message
from agent.plans import parser
from agent.runs.runs import MAX_TITLE, title_of
from agent.shorten import head, shorten

FAMILY = "👨‍👩‍👧‍👦"
# What a reader sees as one character: several code points each.
CLUSTERS = [
    FAMILY,
    "🇩🇪",
    "👍🏽",
    "e\u0301",
    "नि",
    "각",
    "✈\ufe0f",
    "🏴\U000e0067\U000e0062\U000e007f",
]


# Each of them ends a cluster next to some of the others, or does not.
SIGNS = [
    *"aZ #1*é яか漢、",
    "\r\n",
    "\n",
    "\u0301",
    "\u200d",
    "\u3099",
    "\u0600",
    "\ufe0f",
    "क",
    "्",
    "🇪",
]


@pytest.mark.parametrize("cluster", CLUSTERS)
@pytest.mark.parametrize("limit", range(2, 24))
def test_no_cluster_is_cut(cluster: str, limit: int) -> None:
    text = "ab" + cluster * 10
    short = shorten(text, limit)
    assert len(short) <= limit
    beginning = short.removesuffix("…").removeprefix("ab"[: limit - 1])
    assert beginning == cluster * (len(beginning) // len(cluster))


def test_a_text_ends_where_a_reader_who_begins_at_its_start_ends_a_character() -> None:
    random = Random(1)
    for size in (5, 40, 400):
        for _ in range(2_000 // size):
            text = "".join(random.choices((*CLUSTERS, *SIGNS), k=size))
            last = 0
            for cluster in regex.finditer(r"\X", text):
                for limit in range(max(1, cluster.start()), cluster.end()):
                    assert head(text, limit) == text[: last or limit]
                last = cluster.end()


def test_a_text_within_the_limit_stays() -> None:
    assert shorten(FAMILY, len(FAMILY)) == FAMILY
    assert shorten("", 5) == ""


def test_a_cluster_that_is_longer_than_the_limit_is_cut() -> None:
    assert head("e" + "\u0301" * 50, 10) == "e" + "\u0301" * 9


def test_wherever_a_text_is_cut_its_longest_beginning_of_whole_clusters_stays() -> None:
    text = "plan\r\n患者が予約、".join(CLUSTERS) + "e\u0301\u200d क्ष \u0600a" * 2
    clusters = regex.findall(r"\X", text)
    for limit in range(20, len(text)):
        beginnings = ["".join(clusters[:count]) for count in range(len(clusters))]
        assert head(text, limit) == max(
            (beginning for beginning in beginnings if len(beginning) <= limit), key=len
        )


def test_the_title_of_a_session_ends_between_clusters() -> None:
    title = title_of("Plan the holiday of " + FAMILY * 10)
    assert title == "Plan the holiday of " + FAMILY * 5 + "…"
    assert len(title) <= MAX_TITLE


def test_what_a_refusal_quotes_ends_between_clusters() -> None:
    assert f"“{'x' * 98}…”" in refusals.of_rest("", Misread("", "x" * 98 + FAMILY))
    title = "plan the " + "🇩🇪" * 100
    assert f"“plan the {'🇩🇪' * 45}…”" in refusals.of_rest("", Misread("", title))


def test_a_description_of_a_model_ends_between_clusters() -> None:
    step = {"id": "s1", "type": "answer", "description": "x" * 1998 + FAMILY}
    plan = parser.parse({"summary": "x" * 1999 + FAMILY, "steps": [step]})
    assert plan.steps[0].description == "x" * 1998 + "…"
    assert plan.summary == "x" * 1999 + "…"


def test_a_message_in_a_list_ends_between_clusters(session: ChatSession, alice: User) -> None:
    message = Message(session=session, author=alice, content="x" * 58 + FAMILY)
    assert str(message) == "x" * 58 + "…"
