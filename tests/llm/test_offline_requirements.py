"""Requirements in prose become tasks with a specification, and nothing in it is made up."""

from __future__ import annotations

from typing import Any

import pytest

from agent.llm.base import Context
from tests.support.offline_answers import planned

EMPTY = Context(message="", project_name="Clinic")


async def made(message: str) -> list[dict[str, Any]]:
    """Returns the tasks that the plan for `message` creates."""
    (step,) = [one for one in await planned(message, EMPTY) if one["tool"]]
    return list(step["arguments"].get("tasks", [step["arguments"]]))


async def test_what_is_said_with_it_is_an_acceptance_criterion() -> None:
    (task,) = await made(
        "users should be able to reset their password by email, and admins must see who did it"
    )
    assert task["title"] == "Users can reset their password by email"
    assert (
        task["description"]
        == """Goal: Users can reset their password by email.

Acceptance criteria:
- Users can reset their password by email.
- Admins must see who did it.

As it was said: “Users should be able to reset their password by email, and admins must see who did it.”"""
    )


async def test_a_user_story_tells_for_whom_and_why() -> None:
    (task,) = await made("As a doctor I want to publish and withdraw my slots so that it is easy.")
    assert task["title"] == "Publish and withdraw my slots"
    assert (
        task["description"]
        == """Goal: Publish and withdraw my slots.
For: a doctor
Why: It is easy.

Acceptance criteria:
- A doctor can publish their slots.
- A doctor can withdraw their slots.

As it was said: “As a doctor I want to publish and withdraw my slots so that it is easy.”"""
    )


async def test_the_sentences_that_follow_say_more_about_it() -> None:
    (task,) = await made(
        "We need a login. Users sign in with email and password. After five failed attempts the "
        "account is locked for 15 minutes. Admins can unlock it."
    )
    assert task["title"] == "Login"
    assert (
        task["description"]
        == """Goal: A login.

Acceptance criteria:
- Users sign in with email and password.
- Admins can unlock it.

Constraints:
- After five failed attempts the account is locked for 15 minutes."""
    )


async def test_what_other_people_do_with_it_is_a_task_of_its_own_that_comes_after() -> None:
    publish, book = await made(
        "Doctors should be able to publish free slots, and patients must be able to book them "
        "within two clicks."
    )
    assert publish["title"] == "Doctors can publish free slots"
    assert book["title"] == "Patients can book free slots within two clicks"
    assert book["after"] == [0]
    assert "Constraints:\n- Within two clicks." in book["description"]
    assert "Constraints" not in publish["description"]


TITLES = [
    (
        "Users should be able to sign up, log in and reset their password.",
        ["Users can sign up", "Users can log in", "Users can reset their password"],
    ),
    ("I want users to be able to upload a photo", ["Users can upload a photo"]),
    ("Let patients rate their doctor.", ["Patients can rate their doctor"]),
    (
        "The system should allow admins to export all invoices as CSV.",
        ["Admins can export all invoices as CSV"],
    ),
    ("It should be possible for admins to export bookings", ["Admins can export bookings"]),
    ("Please make it possible to pay by card", ["Pay by card"]),
    ("The app must not store card numbers.", ["Do not store card numbers"]),
    ("We want a mobile app so that patients can book on the go", ["Mobile app"]),
    (
        "When a patient cancels, the doctor should get an email.",
        ["Doctor should get an email when a patient cancels"],
    ),
    ("It would be nice if users could export their data", ["Users can export their data"]),
    ("Make sure that all passwords are hashed", ["All passwords are hashed"]),
    ("We need GDPR compliance: users can delete their data.", ["GDPR compliance"]),
    ("There is a bug: the page crashes on Safari", ["Fix: the page crashes on Safari"]),
    ("The login page needs a logo", ["Login page needs a logo"]),
    (
        "Customers should be able to browse products, add them to a cart and pay by card.",
        ["Customers can browse products, add them to a cart and pay by card"],
    ),
    ("Doctors want to see their calendar", ["Doctors can see their calendar"]),
    ("Every booking needs a confirmation email", ["Every booking needs a confirmation email"]),
    (
        "Patients should be able to book online. Doctors must see their calendar.",
        ["Patients can book online", "Doctors must see their calendar"],
    ),
    (
        "Users should see the doctors and slots that can be booked.",
        ["Users should see the doctors and slots that can be booked"],
    ),
]


@pytest.mark.parametrize(("message", "titles"), TITLES)
async def test_prose_becomes_tasks(message: str, titles: list[str]) -> None:
    assert [task["title"] for task in await made(message)] == titles


async def test_a_feature_holds_the_sentences_below_it() -> None:
    (task,) = await made(
        "Feature: online booking\n\nPatients pick a doctor and a free slot. They get a confirmation "
        "by email. A booking can be cancelled until 24 hours before."
    )
    assert (
        task["description"]
        == """Goal: Online booking.

Acceptance criteria:
- Patients pick a doctor and a free slot.
- They get a confirmation by email.

Constraints:
- A booking can be cancelled until 24 hours before."""
    )


CRITERIA = [
    "As a patient I want to book.\nAcceptance criteria:\n- sees free slots\n- gets an email",
    "Create a task to book. Acceptance criteria: sees free slots, gets an email",
]


@pytest.mark.parametrize("message", CRITERIA)
async def test_acceptance_criteria_belong_to_what_is_before_them(message: str) -> None:
    (task,) = await made(message)
    assert task["title"] == "Book"
    assert "- Sees free slots.\n- Gets an email." in task["description"]


async def test_one_more_is_one_more_task_about_the_same_thing() -> None:
    steps = await planned(
        "First create a task to design the schema, then one to implement it, and finally one to test it.",
        EMPTY,
    )
    titles = [step["arguments"]["title"] for step in steps]
    assert titles == ["Design the schema", "Implement the schema", "Test the schema"]
    assert [step["depends_on"] for step in steps] == [[], ["s1"], ["s2"]]


LIMITS = [
    (
        "Patients must get an SMS, but only if they gave a number.",
        "- Only if they gave a number.",
    ),
    ("The search should answer within two seconds.", "- Within two seconds."),
    ("Users can upload a photo. It must not exceed 5 MB.", "- It must not exceed 5 MB."),
    ("There should be an admin page. Only admins can see it.", "- Only admins can see it."),
    (
        "Passwords must be at least 12 characters long and must contain a digit.",
        "- At least 12 characters long.",
    ),
]


@pytest.mark.parametrize(("message", "line"), LIMITS)
async def test_a_limit_is_told_as_one(message: str, line: str) -> None:
    (task,) = await made(message)
    assert line in task["description"].partition("Constraints:\n")[2]


@pytest.mark.parametrize(("message", "line"), LIMITS)
async def test_every_word_of_a_specification_was_said(message: str, line: str) -> None:
    (task,) = await made(message)
    headings = {"goal", "acceptance", "criteria", "constraints", "as", "it", "was", "said"}
    words = set(task["description"].casefold().replace("“", "").replace("”", "").split())
    told = {word.strip(":.,-") for word in words} - {""} - headings
    assert told <= {word.strip(":.,-") for word in message.casefold().split()} | {"can"}


async def test_a_task_by_command_gets_what_is_said_of_it_and_no_more() -> None:
    create, say = await planned(
        "Create a task to reset the password. It sends an email with a link. The link expires "
        "after an hour. The moon is made of cheese.",
        EMPTY,
    )
    assert create["arguments"] == {
        "title": "Reset the password",
        "description": "It sends an email with a link.\nThe link expires after an hour.",
    }
    assert "The moon is made of cheese" in say["description"]


async def test_commands_and_decisions_between_requirements_stay_what_they_are() -> None:
    steps = await planned(
        "Patients should be able to book online. We decided to use Stripe. Doctors can block days.",
        EMPTY,
    )
    assert [step["tool"] for step in steps] == ["create_task", "create_memory", "create_task"]


@pytest.mark.parametrize(
    "message", ["I can do that", "They should", "Can users log in?", "We need it"]
)
async def test_what_requires_nothing_makes_no_task(message: str) -> None:
    assert not [step for step in await planned(message, EMPTY) if step["tool"] == "create_task"]
