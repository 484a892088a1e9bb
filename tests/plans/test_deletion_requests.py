"""Which messages are plain commands to delete one object, in five languages."""

from __future__ import annotations

import time
from uuid import UUID, uuid4

import pytest

from agent.plans.deletion_requests import Target, is_plain
from tests.support import more_deletion_wordings as more
from tests.support.deletion_wordings import COSTLY, HARMLESS, PLAIN, TASKS

NUMBER = 7


def target(title: str, kind: str = "task") -> Target:
    board = more.TASKS if title not in TASKS and kind == "task" else TASKS
    titles: dict[UUID, str] = {uuid4(): other for other in board if other != title}
    key = uuid4()
    listed = {"task": titles, "memory": {}} if kind == "task" else {"task": {}, "memory": titles}
    listed[kind][key] = title
    return Target(key, kind, listed, NUMBER if kind == "task" else None)


@pytest.mark.parametrize(("message", "title"), [*HARMLESS, *COSTLY, *more.HARMLESS])
def test_a_deleting_word_and_a_name_are_no_command(message: str, title: str) -> None:
    assert not is_plain([message], target(title))


@pytest.mark.parametrize(("message", "title"), [*PLAIN, *more.PLAIN])
def test_a_plain_command_is_understood(message: str, title: str) -> None:
    assert is_plain([message], target(title))


def test_a_number_and_an_id_name_exactly() -> None:
    wanted = target("Invoices")
    assert is_plain([f"Delete #{NUMBER}"], wanted)
    assert is_plain([f"Delete {wanted.id}"], wanted)
    assert is_plain([f"Delete task #{NUMBER}, please"], wanted)
    assert is_plain([f"Delete task #{NUMBER}, it is a double"], wanted)
    assert not is_plain([f"Delete task #{NUMBER}, it is a joke"], wanted)
    assert not is_plain([f"Delete #{NUMBER + 1}"], wanted)
    assert not is_plain([f"Delete the label of #{NUMBER}"], wanted)
    assert not is_plain([f"Mark #{NUMBER} as done and delete the label"], wanted)


def test_a_title_that_another_object_has_too_names_none() -> None:
    wanted = target("Invoices")
    both = {**wanted.titles, "memory": {uuid4(): "Invoices"}}
    ambiguous = Target(wanted.id, "task", both, NUMBER)
    assert not is_plain(["Delete Invoices"], ambiguous)
    assert is_plain(["Delete the task Invoices"], ambiguous)
    assert not is_plain(["Delete the decision Invoices"], ambiguous)


@pytest.mark.parametrize("message", ["Forget that Firefox comes first", "Forget Firefox first"])
def test_a_memory_can_be_told_in_a_sentence(message: str) -> None:
    assert is_plain([message], target("Firefox first", "memory"))


def test_what_is_sent_later_may_command_and_take_back() -> None:
    wanted = target("Invoices")
    assert is_plain(["Clean up the board", "Delete Invoices"], wanted)
    for later in ("No, not that one", "nvm", "stop", "Is that what I meant?", "архивируй"):
        assert not is_plain(["Delete Invoices", later], wanted)


@pytest.mark.parametrize("message", ["Delete the comments", "Remove the due date"])
def test_a_title_that_is_the_name_of_a_field_needs_its_kind(message: str) -> None:
    title = message.split("the ")[1].capitalize()
    assert not is_plain([message], target(title))
    assert is_plain([f"Delete the task {title}"], target(title))


@pytest.mark.parametrize(
    "message",
    [
        "Delete \x01",
        "Delete \x03 now",
        "Delete " + "the " * 1_000 + "Invoices",
        "Delete Invoices" + " " * 100_000 + "?",
        "“" * 1_900 + "Delete Invoices",
        "then " * 390 + "delete Login",
        "Delete " + "“Invoices” " * 190,
    ],
)
def test_a_crafted_message_is_no_command_and_takes_no_time(message: str) -> None:
    began = time.process_time()
    assert not is_plain([message], target("Booking"))
    assert time.process_time() - began < 0.2
