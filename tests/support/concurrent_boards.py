"""Two transactions that change one board at the same time. A program: prints what became of each as JSON.

The first is open until the second waits for one of its locks.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import django

django.setup()

from django.contrib.auth.models import User  # noqa: E402  # after the setup
from django.core.management import call_command  # noqa: E402
from django.db import OperationalError, connection, transaction  # noqa: E402

from agent.board import tasks as board  # noqa: E402
from agent.edits.undo import undo_changes  # noqa: E402
from agent.exceptions import Refused, ToolFailed  # noqa: E402
from agent.models import ChatSession, Project, Task  # noqa: E402
from tests.support.tool_calls import call_of, user_of  # noqa: E402

WAITING = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


def together(first: Callable[[], Any], then: Callable[[], Any], second: Callable[[], Any]) -> str:
    """Does `first` and, once `second` waits for it in another transaction, `then`.

    Returns the error of the second; "" for none.
    """
    errors = []

    def other() -> None:
        try:
            with transaction.atomic():
                second()
        except (ToolFailed, Refused, OperationalError) as error:
            errors.append(str(error))
        finally:
            connection.close()

    thread = threading.Thread(target=other)
    with transaction.atomic():
        first()
        thread.start()
        while thread.is_alive() and not _waits():
            thread.join(0.01)
        then()
    thread.join()
    return "".join(errors)


def _waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(WAITING)
        return bool(cursor.fetchone()[0])


def main() -> None:
    call_command("migrate", verbosity=0)
    project = Project.objects.create(name="P", owner=User.objects.create(username="alice"))
    session = ChatSession.objects.create(project=project, created_by=project.owner)
    use = user_of(call_of(session))
    one, two, three = (
        board.create_task(project_id=project.pk, title=title)[0] for title in ("1", "2", "3")
    )

    told: dict[str, Any] = {}
    told["create and change"] = together(
        lambda: board.update_task(task=one, priority="high"),
        lambda: board.create_task(project_id=project.pk, title="4"),
        lambda: board.create_task(project_id=project.pk, title="5", parent=one),
    )
    board.update_task(task=two, depends_on=[three])
    told["a circle"] = together(
        lambda: board.update_task(task=one, depends_on=[two]),
        lambda: None,
        lambda: board.update_task(task=three, depends_on=[one]),
    )
    _, renamed = board.update_task(task=two, title="Two")
    assert renamed is not None
    told["undo"] = together(
        lambda: board.update_task(task=two, title="Second"),
        lambda: None,
        lambda: undo_changes(project.pk, [renamed]),
    )

    def edit(tool: str, text: str, **of: Any) -> None:
        use(tool, edits=[{"how": "append", "text": text}], **of)

    edit("update_task", "Start.", task="1")
    use("create_memory", title="M", content="Start.", kind="fact")
    for name, of in {
        "update_task": {"task": "1"},
        "update_memory": {"memory": "M"},
        "update_project": {},
    }.items():
        together(
            lambda name=name, of=of: edit(name, "First.", **of),  # type: ignore[misc]
            lambda: None,
            lambda name=name, of=of: edit(name, "Second.", **of),  # type: ignore[misc]
        )
    told["texts"] = [
        Task.objects.get(title="1").description.split(),
        project.memories.get().content.split(),
        Project.objects.get().description.split(),
    ]
    print(json.dumps(told))


main()
