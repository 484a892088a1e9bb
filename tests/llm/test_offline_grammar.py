"""The grammar's contract: every example of every form is read as that form, and works where it is offered."""

from __future__ import annotations

import re
import threading
from dataclasses import replace

import pytest

from agent.llm.base import Context, Outcome, Revise, TaskBrief
from agent.llm.offline import drafting, model
from agent.llm.offline.grammar import DETAILS, FORMS, Form
from agent.llm.offline.matching import matches
from agent.llm.offline.reading import read
from agent.llm.offline.tokens import TooLong, words_of
from agent.management.commands.setup import SAMPLE_NAME
from agent.models.projects import SAMPLE_BRIEF
from chat.views import EXAMPLES
from tests.support.clinic_board import BOARD
from tests.support.documents import DOCS
from tests.support.offline_answers import FULL, analysed, answered, planned
from tests.support.offline_board import Project

NAMES = {"task": "“Login page”", "other": "“Stripe checkout”", "memory": "“Database”"}
EMPTY = Context(message="", project_name="New")
SAMPLE = Context(message="", project_name=SAMPLE_NAME, project_description=SAMPLE_BRIEF)
CROWD = replace(
    FULL,
    tasks=tuple(
        TaskBrief(f"c{n}", f"{word} number {n}", "pending", "medium")
        for n, word in enumerate(["Login page", "Slots", "Booking", "Test the login flow"] * 25)
    ),
    recent_tasks=(),
)
OFFERED = (EMPTY, SAMPLE, FULL, BOARD, CROWD)


def said(form: Form) -> str:
    return form.example.format_map(NAMES)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.example)
def test_an_example_is_read_as_its_form_and_as_no_other(form: Form) -> None:
    reading = read(said(form))
    assert reading.unread == ()
    assert form in [clause.form for clause in reading.clauses]
    for clause in reading.clauses:
        fitting = [one.example for one in FORMS if matches(one.pattern, words_of(clause.said))]
        assert fitting == [clause.form.example]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.example)
async def test_an_example_is_carried_out(form: Form) -> None:
    project = Project()
    await project.say("Tasks: Login page, Stripe checkout, Database")
    await project.say("Remember: Database")
    answer = await project.say(said(form))
    assert "Nothing was changed" not in answer
    assert "Which one do you mean" not in answer


@pytest.mark.parametrize("detail", DETAILS, ids=lambda form: form.example)
async def test_a_detail_of_a_new_task_is_no_part_of_its_title(detail: Form) -> None:
    project = Project()
    await project.say("Tasks: Login page, Stripe checkout")
    await project.say(said(detail))
    made = project.tasks[-1]
    for word in ("priority", "depend", "subtask", "description", "board", "("):
        assert word not in made.title


@pytest.mark.parametrize("context", OFFERED, ids=["empty", "sample", "full", "board", "crowd"])
async def test_what_is_offered_works_in_every_project(context: Context) -> None:
    help_text = await answered("What can you do?", context)
    offered = [text.replace("\\", "") for text in re.findall(r"\[(.*)\]\(#say\)", help_text)]
    assert len(offered) > (10 if context.tasks else 5)
    for text in (*offered, *EXAMPLES):
        draft = drafting.draft(replace(context, message=text))
        assert (text, draft.refusal, draft.question) == (text, "", "")


def test_the_docs_list_every_form() -> None:
    names = {"task": "“Login page”", "other": "“Sign-up”", "memory": "“Hosting”"}
    listed = {line.removeprefix("- ") for line in DOCS["docs/offline.md"].splitlines()}
    assert {form.example.format_map(names) for form in (*FORMS, *DETAILS)} <= listed


LISTED = re.findall(r"^- (.+)$", DOCS["docs/offline.md"].partition("## The forms")[2], re.M)


@pytest.mark.parametrize("line", LISTED)
async def test_each_sentence_of_the_docs_is_carried_out(line: str) -> None:
    project = Project()
    await project.say("Tasks: Login page, Sign-up")
    await project.say("Remember: Hosting")
    answer = await project.say(line)
    assert "Nothing was changed" not in answer
    assert "Which one do you mean" not in answer


# -- what new users said, and what was once made of it ---------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        "I want to build a recipe sharing site.",
        "can you fix it?",
        "Fix the login bug",
        "Every Monday at 9 summarise what is blocked",
        "Remind me every Friday to ship",
        "Don't create a task to ship",
        "Should we create a task to ship?",
        "Why did you create a task to ship?",
        "Mark sign-up as done?",
        "We decided to use Redis?",
        "If sign-up is done, delete the reminder",
        "Mark sign-up as done unless the clinic objects",
        "Mark sign-up as not done",
        "Mark sign-up as done tomorrow",
        "Delete all tasks but not the reminder",
        "Create a task to ship and assign it to Anna",
        "Create a task to ship, assigned to Anna",
        "Create a task for Anna to ship",
        "Create a task to ship which unblocks everything",
        "Create a task to ship, the client waits",
        "Create a task to ship it",
        "Create a task to write the tests and another one to run them",
        "Create tasks alpha, beta and gamma where gamma depends on alpha",
        "Create 3 tasks: alpha, beta",
        "Tasks:\n- alpha\n  - beta",
        "- alpha\n- beta",
        "Add a note to the login page",
        "Delete",
        "Create a task",
        "Create a task list",
        "Create a task for every page",
        "Create tasks for each page",
        "Add a task for Monday",
        "New task: fix bug #123 (urgent!)",
        "Split the reminder into two tasks",
        "Rename booking to Appointment and reminder to SMS",
        "Mark sign-up as done since Friday",
        "Mark sign-up as done, the rest follows",
        "Neither sign-up nor booking is done",
        "Delete all tasks that are not done",
        "Mark as done",
    ],
)
async def test_what_is_not_understood_in_full_changes_nothing(message: str) -> None:
    assert not (await analysed(message)).needs_tools


async def test_one_more_task_depends_on_the_one_before_it() -> None:
    first, second = await planned(
        "Create a task to set up the repository with Django, then one for CI, which depends on it",
        EMPTY,
    )
    assert first["arguments"] == {"title": "Set up the repository with Django"}
    needed = [{"$from": first["id"], "path": "task_id"}]
    assert second["arguments"] == {"title": "CI", "depends_on": needed}


@pytest.mark.parametrize(
    ("message", "content"),
    [
        ("We decided to use PostgreSQL instead of MySQL", "We decided to use PostgreSQL"),
        ("We switched from MySQL to PostgreSQL", "PostgreSQL"),
        ("We decided not to use MySQL", "not to use MySQL"),
        ("Let's use PostgreSQL rather than MySQL", "PostgreSQL"),
    ],
)
async def test_a_decision_takes_the_place_of_the_outdated_one(message: str, content: str) -> None:
    project = Project()
    await project.say("We decided to use MySQL")
    await project.say(message)
    (memory,) = project.memories
    assert content in memory.content


async def test_what_an_outdated_decision_says_besides_is_kept() -> None:
    project = Project()
    await project.say("We decided to use Django with MySQL")
    await project.say("We decided to use PostgreSQL instead of MySQL")
    (memory,) = project.memories
    assert memory.content == "We decided to use Django with PostgreSQL."


async def test_the_first_example_makes_its_dependency() -> None:
    create, depend = await planned(EXAMPLES[0], EMPTY)
    assert create["arguments"]["tasks"][2] == {"title": "Patients book and cancel a slot"}
    booking, slots = ({"$from": create["id"], "path": f"task_ids.{n}"} for n in (2, 1))
    assert depend["arguments"] == {"task": booking, "depends_on": [slots]}


async def test_a_refusal_says_what_it_understood_and_offers_what_works() -> None:
    answer = await answered("Mark sign-up as done tomorrow")
    assert "I understood “Mark sign-up as done”, but not “tomorrow”" in answer
    assert "I do nothing later" in answer
    assert "](#say)" in await answered("Fix the login bug")
    assert "“remind me of it”" in await answered("Create a task to ship and remind me of it")


async def test_a_title_in_quotes_is_taken_as_it_is() -> None:
    title = "Ship, then tell Bob; which depends on him"
    (step,) = await planned(f"Create a task called “{title}”")
    assert step["arguments"] == {"title": title}


# -- questions back --------------------------------------------------------------------------------


async def login_board() -> Project:
    project = Project()
    await project.say("Tasks: Login page, Test the login, Docs")
    return project


@pytest.mark.parametrize(
    "reply",
    [
        *("2", "2.", "number 2", "the second one", "The last one", "I mean the second"),
        *("Test the login", "“Test the login”", "the test"),
    ],
)
async def test_a_question_back_is_answered_by_a_number_or_a_title(reply: str) -> None:
    project = await login_board()
    assert "Which one do you mean" in await project.say("Start the docs and finish the login task")
    assert {task.status for task in project.tasks} == {"pending"}
    await project.say(reply)
    assert [task.status for task in project.tasks] == ["pending", "completed", "in_progress"]


async def test_two_questions_in_a_row_belong_to_one_message() -> None:
    project = await login_board()
    await project.say("Create a task to document the login")
    await project.say("The docs depend on the login task")
    await project.say("1")
    assert project.tasks[2].depends_on == (project.tasks[0].id,)


async def test_another_message_than_an_answer_is_taken_as_itself() -> None:
    project = await login_board()
    await project.say("Mark the login task as done")
    await project.say("Mark the docs as done")
    assert [task.status for task in project.tasks] == ["pending", "pending", "completed"]


async def test_a_number_means_nothing_when_the_board_has_changed_since() -> None:
    project = await login_board()
    await project.say("Mark the login task as done")
    project.tasks.insert(0, TaskBrief("new", "Login logo", "pending", "medium"))
    await project.say("1")
    assert {task.status for task in project.tasks} == {"pending"}


async def test_a_number_without_a_question_is_no_order() -> None:
    assert not (await analysed("1")).needs_tools


async def test_it_means_what_the_last_answer_spoke_of() -> None:
    project = await login_board()
    await project.say("Mark the docs as done")
    await project.say("Tell me about the login page")
    await project.say("Mark it as done")
    assert [task.status for task in project.tasks] == ["completed", "pending", "completed"]


async def test_it_is_asked_back_when_the_last_answer_spoke_of_several() -> None:
    project = Project()
    await project.say("Tasks: Login page, Docs")
    assert "Which one do you mean" in await project.say("Mark it as done")


# -- where it is computed --------------------------------------------------------------------------


async def test_nothing_is_computed_on_the_thread_of_the_event_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads = set()
    draft = drafting.draft

    def watched(*args: str, **kwargs: str) -> drafting.Draft:
        threads.add(threading.current_thread())
        return draft(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(model, "draft", watched)
    offline, context = model.OfflineModel(), replace(FULL, message="Mark sign-up as done")
    analysis = await offline.analyze(context)
    await offline.plan(context, analysis, ())
    await offline.plan(context, analysis, (), Revise(("without step 1",), by_person=True))
    assert [piece async for piece in offline.answer(context, analysis, Outcome("command", ""))]
    assert threads
    assert threading.current_thread() not in threads


def test_a_long_message_is_read_only_so_far() -> None:
    with pytest.raises(TooLong):
        read("word " * 20_000)
    assert read("word " * 2_000).unread
