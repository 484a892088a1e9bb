"""When a person is asked about a plan, what they are shown, and that it is what happens."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User

from agent.board import tasks
from agent.engine import local
from agent.memory import memories
from agent.models import Approval, ChatSession, Memory, Project, Run, SearchEntry, Task
from agent.plans import dry_run
from agent.runs import approvals, ending
from agent.runs.runs import MessageRequest
from agent.testing import ScriptedModel
from agent.text import lookup
from tests.support.scripted_runs import create, ended, log_of, make_tasks, outcome, result_of, use
from tests.support.tools import having

pytestmark = pytest.mark.django_db(transaction=True)


@sync_to_async
def make_memory(project: Project, title: str, content: str = "It is so.") -> Memory:
    made = memories.remember(project_id=project.pk, title=title, content=content, kind="fact")
    return made[0]


async def reason_of(run: Run) -> str:
    assert run.status == Run.Status.WAITING, f"nobody was asked: {run.status}"
    return (await run.approvals.aget()).reason


# -- what needs a word, and what does not ----------------------------------------------------------

BOARD = ("Login", "SMS reminder a day before", "Email reminder", "Invoices", "Book", "Cancel")

DONE_AT_ONCE = [
    ("Delete the SMS reminder task, the clinic dropped it.", "SMS reminder a day before"),
    ("delete LOGIN", "Login"),
    ("Please get rid of the invoices.", "Invoices"),
    ("Throw the invoices task away", "Invoices"),
    ("Drop login", "Login"),
    ("Supprime la tâche « Login »", "Login"),
    ("Lösche die Aufgabe „Invoices“, bitte.", "Invoices"),
    ("Удали задачу Login", "Login"),
    ("Remove “Book”.", "Book"),
]


@pytest.mark.parametrize(("message", "title"), DONE_AT_ONCE)
async def test_one_thing_that_the_message_names_is_deleted_at_once(
    session: ChatSession, alice: User, project: Project, message: str, title: str
) -> None:
    await make_tasks(project, *BOARD)
    run = await outcome(
        session, alice, MessageRequest(message), use("s1", "delete_task", task=title)
    )
    assert run.status == "succeeded"
    assert not await Task.objects.filter(title=title).aexists()


async def test_an_id_names_exactly_and_memories_are_like_tasks(
    session: ChatSession, alice: User, project: Project
) -> None:
    one, two = await make_tasks(project, "Login", "Login")
    step = use("s1", "delete_task", task=str(one.pk))
    run = await outcome(session, alice, MessageRequest(f"Delete {one.pk}, the double"), step)
    assert run.status == "succeeded"
    await make_memory(project, "Firefox first")
    step = use("s1", "delete_memory", memory="Firefox first")
    run = await outcome(session, alice, MessageRequest("Forget that Firefox comes first"), step)
    assert run.status == "succeeded"
    assert [task.pk async for task in Task.objects.all()] == [two.pk]
    assert not await Memory.objects.aexists()


NOT_EXACT = [
    ("Delete it.", "Login"),
    ("Delete that task", "Login"),
    ("Delete all done tasks", "Login"),
    ("Delete the reminder", "SMS reminder a day before"),
    ("Delete the login task", "Invoices"),
    ("How far is the login task?", "Login"),
    ("Don't delete the login task!", "Login"),
    ("Bitte die Aufgabe Login nicht mehr löschen", "Login"),
    ("Clean up the board", "Login"),
    ("Delete the cancelled ones", "Cancel"),
    ("Forget the decision on invoices", "Invoices"),
    ("Put a dropdown on the login page, it is quite clear", "Login"),
]


async def test_a_name_that_fits_two_waits_however_long_the_message_is(
    session: ChatSession, alice: User, project: Project
) -> None:
    await make_tasks(project, "SMS reminder", "Email reminder")
    words = " ".join(f"word{number}" for number in range(60))
    request = MessageRequest(f"{words}. Delete the reminder task.")
    run = await outcome(session, alice, request, use("s1", "delete_task", task="SMS reminder"))
    assert "“SMS reminder”, which" in await reason_of(run)


@pytest.mark.parametrize(("message", "title"), NOT_EXACT)
async def test_a_deletion_that_the_message_does_not_name_exactly_waits(
    session: ChatSession, alice: User, project: Project, message: str, title: str
) -> None:
    await make_tasks(project, *BOARD)
    run = await outcome(
        session, alice, MessageRequest(message), use("s1", "delete_task", task=title)
    )
    assert f"“{title}”, which" in await reason_of(run)
    assert await Task.objects.filter(title=title).aexists()


async def test_a_task_and_a_memory_of_one_name_are_told_apart_by_what_the_message_calls_them(
    session: ChatSession, alice: User, project: Project
) -> None:
    await make_tasks(project, "Firefox first")
    await make_memory(project, "Firefox first")
    step = use("s1", "delete_memory", memory="Firefox first")
    for message, waits in (
        ("Delete Firefox first", True),
        ("Delete the Firefox task", True),
        ("Delete the Firefox note", False),
    ):
        run = await outcome(session, alice, MessageRequest(message), step)
        assert (run.status == "waiting") is waits
        if waits:
            await ending.cancel(session.pk, run.pk, alice)
    assert await Task.objects.acount() == 1
    assert await Memory.objects.acount() == 0


async def test_several_deletions_wait_even_when_each_is_named(
    session: ChatSession, alice: User, project: Project
) -> None:
    await make_tasks(project, *BOARD)
    steps = [
        use("s1", "delete_task", task="Login"),
        use("s2", "delete_task", task="Invoices"),
    ]
    run = await outcome(session, alice, MessageRequest("Delete Login and Invoices"), *steps)
    assert await reason_of(run) == "Deletes 2 tasks."


async def test_changes_of_five_tasks_are_made_at_once_and_of_six_wait(
    session: ChatSession, alice: User, project: Project
) -> None:
    await make_tasks(project, *BOARD)
    steps = [
        use(f"s{place}", "change_task_status", task=title, status="completed")
        for place, title in enumerate(BOARD)
    ]
    run = await outcome(session, alice, MessageRequest("All but one are done"), *steps[:5])
    assert run.status == "succeeded"
    again = [{**step, "arguments": {**step["arguments"], "status": "blocked"}} for step in steps]
    run = await outcome(session, alice, MessageRequest("No, all are blocked"), *again)
    assert await reason_of(run) == "Changes 6 tasks."


async def test_few_tools_that_change_one_object_each_are_not_tried_before(
    session: ChatSession, alice: User, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[Any] = []
    monkeypatch.setattr(dry_run, "preview", lambda *given: tried.append(given) or ())
    await make_tasks(project, *BOARD)
    single = [
        use(f"s{place}", "update_task", task=title, priority="high")
        for place, title in enumerate(BOARD)
    ]
    several = use("s1", "update_tasks", tasks=list(BOARD[:2]), priority="low")
    for steps, tries in ((single[:5], 0), ([several], 1), (single, 2)):
        run = await outcome(session, alice, MessageRequest("Change the priorities"), *steps)
        assert run.status == "succeeded"
        assert len(tried) == tries


async def test_creating_many_is_not_changing_any(session: ChatSession, alice: User) -> None:
    many = use("s1", "create_tasks", tasks=[{"title": f"Task {n}"} for n in range(50)])
    mark = use(
        "s2", "change_task_status", "s1", task=result_of("s1", "task_ids.0"), status="blocked"
    )
    run = await outcome(session, alice, MessageRequest("Make a lot"), many, mark)
    assert run.status == "succeeded"
    assert await Task.objects.acount() == 50


async def test_an_outgoing_tool_waits_for_a_word(session: ChatSession, alice: User) -> None:
    sent: list[str] = []
    with having("send_mail", lambda call, given: sent.append(given.text), effect="outgoing"):
        run = await outcome(
            session, alice, MessageRequest("Mail it"), use("s1", "send_mail", text="Hello")
        )
        assert await reason_of(run) == "Uses send_mail, which acts outside this project."
        assert sent == []
        async with local.executing(ScriptedModel()):
            await approvals.approve(session.pk, run.pk, 1, alice)
            assert (await ended(run)).status == "succeeded"
    assert sent == ["Hello"]


async def test_what_a_result_says_deletes_nothing_without_a_word(
    session: ChatSession, alice: User, project: Project
) -> None:
    await make_tasks(project, *BOARD)
    found = use("s1", "search_tasks", query="login")
    gone = use("s2", "delete_task", "s1", task=result_of("s1", "tasks.0.task_id"))
    run = await outcome(session, alice, MessageRequest("Delete the login task"), found, gone)
    assert await reason_of(run) == "delete_task takes its arguments from the result of s1."


async def test_a_session_can_be_set_to_ask_before_every_plan(
    session: ChatSession, alice: User
) -> None:
    session.approval = "required"
    await session.asave(update_fields=["approval"])
    run = await outcome(
        session, alice, MessageRequest("Do it", approval="auto"), create("s1", "Login")
    )
    assert await reason_of(run) == "Every plan in this session needs approval."


async def test_a_plan_of_words_alone_is_asked_about_only_where_that_was_wanted(
    session: ChatSession, alice: User
) -> None:
    words = {**create("s1", ""), "type": "answer", "tool": None, "arguments": {}}
    run = await outcome(session, alice, MessageRequest("What is open?"), words)
    assert run.status == "succeeded"


# -- what is shown ---------------------------------------------------------------------------------


async def test_what_each_step_would_change_is_shown_and_nothing_is_changed(
    session: ChatSession, alice: User, project: Project
) -> None:
    (login,) = await make_tasks(project, "Login")
    steps = [
        create("s1", "Slots"),
        use("s2", "update_task", "s1", task="Login", depends_on=[result_of("s1", "task_id")]),
        use("s3", "change_task_status", "s2", task="Login", status="blocked"),
        use("s4", "search_tasks", query="slots"),
        use("s5", "delete_task", "s3", task="Login"),
    ]
    before = await everything(project)
    run = await outcome(session, alice, MessageRequest("Do it", approval="required"), *steps)
    assert await everything(project) == before
    told = next(e["approval"] for e in await log_of(session) if e["type"] == "approval")
    kept = await Approval.objects.aget()
    assert told["effects"] == kept.effects
    assert told["estimate"] is None
    assert told["expires_at"] > (await log_of(session))[-1]["timestamp"]
    effects = {effect["step"]: effect for effect in told["effects"]}
    (slots,) = effects["s1"]["changes"]
    assert (slots["action"], slots["title"], slots["before"]) == ("created", "Slots", None)
    assert slots["after"]["title"] == "Slots"
    same = {
        "object": "task",
        "id": str(login.pk),
        "title": "Login",
        "action": "updated",
        "number": 1,
    }
    linked = {"before": {"depends_on": []}, "after": {"depends_on": [slots["id"]]}}
    assert effects["s2"]["changes"] == [{**same, **linked, "links": {slots["id"]: "“Slots”"}}]
    assert effects["s3"]["changes"] == [
        {**same, "before": {"status": "pending"}, "after": {"status": "blocked"}}
    ]
    assert effects["s4"] == {"step": "s4", "changes": [], "note": ""}
    (gone,) = effects["s5"]["changes"]
    assert (gone["action"], gone["after"]) == ("deleted", None)
    assert gone["before"]["status"] == "blocked"
    assert run.status == "waiting"


@sync_to_async
def everything(project: Project) -> list[Any]:
    return [
        [tasks.task_json(task) for task in Task.all_objects.order_by("pk")],
        [memories.memory_json(one) for one in Memory.all_objects.order_by("pk")],
        list(SearchEntry.objects.order_by("pk").values()),
        Project.objects.get(pk=project.pk).board_version,
    ]


async def test_what_cannot_be_known_before_is_said_to_be_unknown(
    session: ChatSession, alice: User
) -> None:
    with having("fetch_title", lambda call, given: "Login"):
        steps = [
            use("s1", "fetch_title"),
            use("s2", "create_task", "s1", title=result_of("s1", "text")),
        ]
        await outcome(session, alice, MessageRequest("Do it", approval="required"), *steps)
    kept = await Approval.objects.aget()
    assert kept.effects == [
        {"step": "s1", "changes": [], "note": "Effects can't be previewed.", "tool": "fetch_title"},
        {
            "step": "s2",
            "changes": [],
            "note": "Effects depend on the results of earlier steps.",
            "tool": "create_task",
            "arguments": {"title": {"$from": "s1", "path": "text"}},
            "sources": {"s1": 1},
        },
    ]


async def test_a_step_that_would_fail_says_so_and_the_others_are_shown(
    session: ChatSession, alice: User, project: Project
) -> None:
    await make_tasks(project, "Login")
    steps = [
        use("s1", "delete_task", task="Login"),
        use("s2", "update_task", "s1", task="Login", title="Sign-in"),
        create("s3", "Slots"),
    ]
    await outcome(session, alice, MessageRequest("Do it", approval="required"), *steps)
    one, two, three = (await Approval.objects.aget()).effects
    assert [change["action"] for change in one["changes"]] == ["deleted"]
    assert two["changes"] == []
    assert "There is no task “Login”" in two["note"]
    assert [change["action"] for change in three["changes"]] == ["created"]


async def test_an_edited_plan_is_shown_anew(
    session: ChatSession, alice: User, project: Project
) -> None:
    run = await outcome(
        session, alice, MessageRequest("Do it", approval="required"), create("s1", "A")
    )
    await approvals.edit(session.pk, run.pk, 1, alice, [create("s1", "B"), create("s2", "C")])
    asked = [e["approval"] for e in await log_of(session) if e["type"] == "approval"]
    titles = [[c["title"] for e in one["effects"] for c in e["changes"]] for one in asked]
    assert titles == [["A"], ["B", "C"]]


async def test_a_decision_carries_no_preview(session: ChatSession, alice: User) -> None:
    run = await outcome(
        session, alice, MessageRequest("Do it", approval="required"), create("s1", "A")
    )
    async with local.executing(ScriptedModel()):
        await approvals.approve(session.pk, run.pk, 1, alice)
        await ended(run)
    told = [e["approval"] for e in await log_of(session) if e["type"] == "approval"]
    assert "effects" not in told[-1]


# -- whether a message names something -------------------------------------------------------------

NAMES = [
    ("Delete the SMS reminder", "SMS reminder a day before", ["Email reminder"], True),
    ("Delete the reminder", "SMS reminder a day before", ["Email reminder"], False),
    ("Delete the login page", "Login", ["Login page"], False),
    ("Delete the login page", "Login page", ["Login"], True),
    ("Delete the login task", "Login", ["Login page"], True),
    ("Delete the login task", "Login", ["Login"], False),
    ("Delete C++", "C++", ["C#"], True),
    ("Delete all done tasks", "Done", [], False),
    ("Delete the three oldest tasks", "Oldest browser", [], False),
    ("Delete 3 tasks", "Ship 3 products", [], False),
    ("Delete the completed ones", "Show completed bookings", [], False),
    ("ログインを削除してください", "ログイン", ["予約"], True),
    ("ログインページを削除", "ログイン", ["ログインページ"], False),
    ("Удали задачу про напоминания", "напоминания", ["вход"], True),
    ("", "Login", [], False),
]


@pytest.mark.parametrize(("message", "title", "others", "exact"), NAMES)
def test_a_message_names_what_its_words_fit_alone(
    message: str, title: str, others: list[str], exact: bool
) -> None:
    key = uuid4()
    titles: dict[UUID, str] = {key: title, **{uuid4(): other for other in others}}
    assert lookup.identifies(message, key, titles) is exact
