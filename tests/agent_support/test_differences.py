"""What differs in two texts: nothing of either is lost, and long texts take bounded time."""

from __future__ import annotations

import random

import pytest

from agent.support import differences
from agent.support.differences import Part, parts


def test_words_that_differ_are_marked_and_neighbours_are_one_change() -> None:
    assert parts("Create the old task now.", "Create two new tasks now.") == [
        Part(same="Create "),
        Part(removed="the old task", added="two new tasks"),
        Part(same=" now."),
    ]


def test_lines_that_were_added_and_removed_leave_the_others_as_they_are() -> None:
    assert parts("one\ntwo\nthree\n", "one\nthree\nfour\n") == [
        Part(same="one\n"),
        Part(removed="two\n"),
        Part(same="three\n"),
        Part(added="four\n"),
    ]


def test_equal_and_empty_texts_have_no_difference() -> None:
    assert parts("", "") == []
    assert parts("The same.", "The same.") == [Part(same="The same.")]


@pytest.mark.parametrize("seed", range(20))
def test_nothing_of_either_text_is_lost(seed: int) -> None:
    chance = random.Random(seed)
    words = ["task", "the", " ", "\n", ".", "naïve", "予約"]
    old, new = ("".join(chance.choices(words, k=chance.randrange(60))) for _ in range(2))
    found = parts(old, new)
    assert "".join(part.same + part.removed for part in found) == old
    assert "".join(part.same + part.added for part in found) == new
    assert all(any((part.same, part.removed, part.added)) for part in found)


def test_a_change_of_too_many_words_is_shown_as_whole_lines() -> None:
    old, new = ("word " * 1000).strip(), ("other " * 1000).strip()
    assert len(old.split()) * len(new.split()) > differences.MAX_PAIRS
    assert parts(f"Head\n{old}", f"Head\n{new}") == [
        Part(same="Head\n"),
        Part(removed=old, added=new),
    ]
