"""The order of the board: tasks are moved before and after others."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agent.board import readiness
from agent.board import tasks as board
from agent.exceptions import ToolFailed
from agent.models import Task

Make = Callable[..., Task]


def order() -> str:
    return " ".join(task.title for task in Task.objects.all())


def test_a_task_is_moved_before_or_after_another_and_no_other_changes(make: Make) -> None:
    a, b, c, d = (make(title) for title in "abcd")
    places = dict(Task.objects.values_list("title", "position"))
    for moved, where, expected in (
        (d, {"before": b}, "a d b c"),
        (a, {"after": c}, "d b c a"),
        (b, {"before": d}, "b d c a"),
        (c, {"after": a}, "b d a c"),
    ):
        board.move_task(task=moved, **{key: refreshed(one) for key, one in where.items()})
        assert order() == expected
        places.pop(moved.title, None)
        assert places.items() <= dict(Task.objects.values_list("title", "position")).items()


def refreshed(task: Task) -> Task:
    task.refresh_from_db()
    return task


def test_a_task_that_stands_there_already_is_not_moved(make: Make) -> None:
    a, b, c = (make(title) for title in "abc")
    assert board.move_task(task=b, before=c)[1] is None
    assert board.move_task(task=b, after=a)[1] is None
    assert board.update_task(task=b, position=b.position)[1] is None
    with pytest.raises(ToolFailed, match="itself"):
        board.move_task(task=a, after=a)


def test_the_position_of_another_task_is_a_place_before_it(make: Make) -> None:
    a, _, c = (make(title) for title in "abc")
    _, change = board.update_task(task=c, position=a.position)
    assert order() == "c a b"
    assert change is not None
    board.update_task(task=c, position=10**12)
    assert order() == "a b c"
    with pytest.raises(ToolFailed, match="position"):
        board.update_task(task=c, position=2**60)


def test_a_place_that_has_no_number_left_gets_some(make: Make) -> None:
    a, b, c, d = (make(title) for title in "abcd")
    for task, position in ((a, 0), (b, 1), (c, 2), (d, 3)):
        Task.objects.filter(pk=task.pk).update(position=position)
    board.move_task(task=refreshed(d), before=refreshed(b))
    assert order() == "a d b c"
    board.move_task(task=refreshed(c), before=refreshed(b))
    assert order() == "a d c b"


def test_tasks_can_be_moved_into_one_place_again_and_again(make: Make) -> None:
    first, *others = (make(str(number)) for number in range(60))
    for task in others:
        board.move_task(task=task, after=refreshed(first))
    assert order() == " ".join(["0", *(str(number) for number in range(59, 0, -1))])


def test_only_so_many_open_tasks_are_told(make: Make) -> None:
    parent = make("Parent", status="completed")
    for number in range(readiness.MAX_STILL_OPEN + 5):
        make(str(number), parent=parent)
    told = [str(number) for number in range(readiness.MAX_STILL_OPEN)]
    assert readiness.still_open_titles([parent]) == told
