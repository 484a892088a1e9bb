from typing import Annotated

from pydantic import Field

from agent.models import Task
from agent.tools.registry import Result, ToolCall, tool
from agent.tools.task_arguments import Status


class TaskCount(Result):
    tasks: int


@tool("reads")
def count_tasks(
    call: ToolCall,
    status: Status,
    word: Annotated[str, Field(description="Only with this in their title.")] = "",
) -> TaskCount:
    """Counts the tasks with a status. Changes nothing.

    Use it when the person asks how many there are.
    """
    tasks = Task.objects.filter(project_id=call.project_id, status=status)
    return TaskCount(tasks=tasks.filter(title__icontains=word).count())
