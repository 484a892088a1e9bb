"""New tasks at a place of the board, and a task that is split."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from agent.board import tasks
from agent.board.places import places
from agent.board.task_rules import GAP
from agent.edits.undo import undo_changes
from agent.exceptions import ToolFailed
from agent.models import ChatSession, Project, Task
from tests.support.tool_calls import Use, call_of, user_of


@pytest.fixture
def use(session: ChatSession) -> Use:
    return user_of(call_of(session))


def titles() -> list[str]:
    return [task.title for task in Task.objects.all()]


def board() -> list[dict[str, Any]]:
    rows = map(tasks.task_json, Task.objects.all())
    return [{**row, "depends_on": set(row["depends_on"])} for row in rows]


def test_new_tasks_are_placed_where_they_are_wanted(use: Use) -> None:
    use("create_tasks", tasks=[{"title": "A"}, {"title": "B"}])
    use("create_task", title="Top", at_top=True)
    use("create_tasks", tasks=[{"title": "1"}, {"title": "2"}], after_task="A")
    use("create_tasks", tasks=[{"title": "3"}, {"title": "4"}], before_task="B")
    use("create_tasks", tasks=[{"title": "5"}, {"title": "6"}], after_task="B")
    use("create_tasks", tasks=[{"title": "7"}, {"title": "8"}], at_top=True)
    assert titles() == ["7", "8", "Top", "A", "1", "2", "3", "4", "B", "5", "6"]


def positions() -> dict[str, int]:
    return dict(Task.objects.values_list("title", "position"))


def test_a_place_without_room_gets_some(project: Project) -> None:
    for number, title in enumerate("ABC"):
        Task.objects.create(project=project, title=title, position=number)
    found = places(project.pk, 100, after=Task.objects.get(title="A"))
    a, b, c = (positions()[title] for title in "ABC")
    assert a < found[0] < found[-1] < b < c
    assert found == sorted(set(found))


@pytest.mark.parametrize("how", ["new", "moved"])
def test_only_the_nearest_tasks_are_spread_out(project: Project, how: str) -> None:
    items = [tasks.NewTask(str(number)) for number in range(200)]
    made, _ = tasks.create_tasks(project_id=project.pk, items=items)
    Task.objects.filter(pk=made[100].pk).update(position=made[99].position + 1)
    before, order = positions(), titles()
    if how == "new":
        assert places(project.pk, 1, after=made[99])
    else:
        tasks.move_task(task=made[199], after=made[99])
        order.insert(100, order.pop())
    changed = [title for title, position in positions().items() if position != before[title]]
    assert titles() == order
    assert len(changed) <= 17


def test_many_insertions_into_one_place_move_few_tasks_each(project: Project) -> None:
    first, _ = tasks.create_task(project_id=project.pk, title="first")
    tasks.create_task(project_id=project.pk, title="last")
    moved = 0
    for number in range(500):
        before = positions()
        place = places(project.pk, 1, after=first)
        moved += sum(position != before[title] for title, position in positions().items())
        tasks.create_task(project_id=project.pk, title=str(number), positions=place)
    assert titles() == ["first", *map(str, reversed(range(500))), "last"]
    assert moved < 500


def test_an_empty_board_and_another_project_s_task(project: Project, alice: User) -> None:
    assert places(project.pk, 2) == [0, GAP]
    other = Project.objects.create(name="Other", owner=alice)
    task, _ = tasks.create_task(project_id=other.pk, title="Elsewhere")
    with pytest.raises(ToolFailed, match="not in this project"):
        places(project.pk, 1, after=task)


def test_a_split_task_becomes_its_first_part_and_hands_over_what_it_is_linked_to(
    session: ChatSession,
) -> None:
    call = call_of(session)
    use = user_of(call)
    use("create_tasks", tasks=[{"title": "Sign-up"}, {"title": "Base"}, {"title": "Ship"}])
    use(
        "create_task",
        title="Pay",
        priority="high",
        parent="Sign-up",
        depends_on=["Base"],
        after_task="Base",
    )
    use("create_task", title="Receipt", parent="Pay")
    use("update_task", task="Ship", depends_on=["Pay", "Base"])
    before = board()
    done = len(call.changes)
    parts = [{"title": "Card"}, {"title": "Cash"}, {"title": "Refund", "after": [0]}]
    made = use("split_task", task="Pay", parts=parts)
    assert made["titles"] == ["Card", "Cash", "Refund"]
    assert titles() == ["Sign-up", "Base", "Card", "Cash", "Refund", "Ship", "Receipt"]
    card, cash, refund = (Task.objects.get(title=title) for title in made["titles"])
    for part in (card, cash, refund):
        assert (part.parent.title, part.priority) == ("Sign-up", "high")

    def needs(task: Task) -> set[str]:
        return {other.title for other in task.depends_on.all()}

    assert (needs(card), needs(cash), needs(refund)) == ({"Base"}, {"Base"}, {"Card"})
    assert needs(Task.objects.get(title="Ship")) == {"Base", "Cash", "Refund"}
    assert Task.objects.get(title="Receipt").parent == card
    undo_changes(session.project_id, call.changes[done:])
    assert board() == before
