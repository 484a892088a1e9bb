import asyncio
import urllib.request

from agent.event_log.phases import progress_step
from agent.exceptions import ToolFailed
from agent.models import Task
from agent.tools.registry import Result, ToolCall, tool

PUBLISHING = progress_step(
    "publishing", label="Publishing tasks", icon="📮", color="phase-completion", order=10
)


class Published(Result):
    tasks: int


@tool("outgoing", retries=2, timeout=30)
async def publish_tasks(call: ToolCall, url: str) -> Published:
    """Sends the titles of the pending tasks to a web address. Only if the message asks for it."""
    if not url.startswith(("http://", "https://")):
        raise ToolFailed(f"{url} is no web address.")
    pending = Task.objects.filter(project_id=call.project_id, status="pending")
    tasks = [task async for task in pending]
    for number, task in enumerate(tasks):
        call.progress(step=PUBLISHING, done=number, of=len(tasks), unit="tasks")
        await asyncio.to_thread(send, url, task.title, f"{call.key}:{task.number}")
    call.progress(step=PUBLISHING, done=len(tasks), of=len(tasks), unit="tasks")
    return Published(tasks=len(tasks))


def send(url: str, title: str, key: str) -> None:
    headers = {"Idempotency-Key": key, "Content-Type": "text/plain; charset=utf-8"}
    request = urllib.request.Request(url, title.encode(), headers)
    with urllib.request.urlopen(request, timeout=10):
        pass
