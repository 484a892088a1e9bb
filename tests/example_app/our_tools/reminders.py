from agent.board import tasks
from agent.tools.registry import Result, ToolCall, tool
from agent.tools.task_arguments import Due, Title


class Reminder(Result):
    task_id: str
    number: str


@tool("writes", alters=0)
def add_reminder(call: ToolCall, title: Title, day: Due) -> Reminder:
    """Adds a reminder: a task of high priority that is due on a day."""
    task, change = tasks.create_task(
        project_id=call.project_id, title=f"Remember: {title}", due=day, priority="high"
    )
    call.changes.append(change)
    return Reminder(task_id=str(task.pk), number=f"#{task.number}")
