"""Fills a project with hostile texts, past every check: rows and events as runs leave them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

from tests.support.hostile_texts import ALL

EXCHANGES = 10  # as many as a page shows at first


def parts() -> list[list[str]]:
    """Returns the texts in as many parts as there are exchanges."""
    return [ALL[at::EXCHANGES] for at in range(EXCHANGES)]


def events_of(run: UUID, texts: Sequence[str], said: UUID, answer: UUID) -> Iterator[Any]:
    """Yields the events of a run in which each text stands wherever a text can."""
    from agent.event_log import events
    from agent.event_log.payloads import Answer
    from agent.support.markdown import render

    whole = "\n\n".join(texts)
    yield events.Message(run, id=said, role="user", author=texts[0], content=whole)
    yield events.Run(run, "running")
    for text in texts:
        yield events.Progress(run, "analyzing", text, text, {"phase": "started"})
    steps: Any = [
        {
            "id": f"s{at}",
            "type": "tool",
            "tool": "create_task",
            "description": text,
            "arguments": {"title": text, text: [text]},
            "depends_on": [],
            "status": "pending",
        }
        for at, text in enumerate(texts)
    ]
    yield events.Plan(
        run,
        id=uuid4(),
        revision=1,
        summary=whole,
        assumptions=[{"text": text, "steps": []} for text in texts],
        questions=[{"question": text, "choices": [text]} for text in texts],
        steps=steps,
    )
    for at, text in enumerate(texts):
        ends: dict[str, Any] = {"error": text} if at % 2 else {"result": {text: text}}
        status = "failed" if at % 2 else "succeeded"
        yield events.Step(run, id=f"s{at}", status="running")
        yield events.Step(run, id=f"s{at}", status=status, **ends)
        task = {
            "id": str(uuid4()),
            "title": text,
            "description": text,
            "labels": [text],
            "depends_on": [],
        }
        yield events.Change(
            run,
            object="task",
            id=UUID(task["id"]),  # type: ignore[arg-type]
            action="created",
            before=None,
            after={**task, "status": "pending", "priority": "medium", "position": 1},
            by=text,
        )
    asked: Any = {"plan_revision": 1, "id": uuid4()}
    yield events.Approval(
        run, **asked, status="requested", reason=whole, effects=[*map(_effect, steps)]
    )
    comments: Any = [{"step": f"s{at}", "text": text} for at, text in enumerate(texts)]
    yield events.Approval(
        run, **asked, status="rejected", reason=whole, by=texts[0], comments=comments
    )
    yield events.Token(run, offset=0, text=whole)
    if len(texts) % 2:
        yield events.Error(run, error=whole, code="internal", retryable=True, partial=whole)
    else:
        yield events.Complete(
            run,
            response=whole,
            message=Answer(
                id=str(answer), role="assistant", content=whole, html=render(whole, str(answer))
            ),
            usage={"input_tokens": 1, "output_tokens": 1, "calls": 1},
            duration_ms=1,
        )


def _effect(step: Any) -> Any:
    """Returns what the step would do, with its text as the note and wherever an effect has one."""
    text = step["description"]
    task = {"title": text, "description": text, "labels": [text]}
    change = {"object": "task", "id": str(uuid4()), "action": "created", "title": text}
    return {
        "step": step["id"],
        "changes": [{**change, "before": None, "after": task, "about": text}],
        "note": text,
        "tool": text,
        "arguments": {text: text},
    }


def fill(session_id: str) -> dict[str, str]:
    """Returns the ids of two runs, a task and a memory, and the address of a shared link."""
    from django.contrib.auth.models import User

    from agent.accounts.shared_links import create_link
    from agent.models import ChatSession, Membership, Memory, Project, Task

    session = ChatSession.objects.get(pk=session_id)
    project = session.project
    Project.objects.filter(pk=project.pk).update(name=ALL[0], description="\n\n".join(ALL))
    alice = User.objects.get(username="alice")
    Project.objects.bulk_create(Project(name=text, owner=alice) for text in ALL[::9])
    ChatSession.objects.bulk_create(
        ChatSession(project=project, title=text, created_by=alice) for text in ALL
    )
    tasks = Task.objects.bulk_create(
        Task(
            project=project,
            number=at,
            position=at,
            title=text,
            description=text,
            labels=[text],
            criteria=[{"text": text, "done": False, "id": "1"}],
        )
        for at, text in enumerate(ALL, 1)
    )
    memories = Memory.objects.bulk_create(
        Memory(project=project, title=text, content=text, kind="fact") for text in ALL
    )
    people = User.objects.bulk_create(User(username=text) for text in ALL if "/" not in text)
    Membership.objects.bulk_create(
        Membership(project=project, user=person, role="viewer") for person in people
    )
    ran = [_exchange(session, alice, texts) for texts in parts()]
    link, secret = create_link(session, alice, shows_tasks=True, shows_memories=True)
    return {
        "run": str(ran[-1]),
        "other": str(ran[-2]),
        "task": str(tasks[5].pk),
        "memory": str(memories[5].pk),
        "shared": f"shared/{link.pk}/#{secret}",
    }


def _exchange(session: Any, alice: Any, texts: Sequence[str]) -> UUID:
    from agent.models import Event, Message, PlanRevision, PlanStep, Run

    whole = "\n\n".join(texts)
    said, answer = (
        Message.objects.create(session=session, role=role, content=whole, author=author)
        for role, author in (("user", alice), ("assistant", None))
    )
    session.run_count += 1
    run = Run.objects.create(
        session=session,
        number=session.run_count,
        message=said,
        answer=answer,
        status="failed" if len(texts) % 2 else "succeeded",
        created_by=alice,
        model=texts[1],
        error=whole if len(texts) % 2 else "",
    )
    plan = PlanRevision.objects.create(run=run, revision=1, summary=whole, digest="d")
    PlanStep.objects.bulk_create(
        PlanStep(
            plan=plan,
            key=f"s{at}",
            position=at,
            type="tool",
            tool="create_task",
            description=text,
            arguments={text: text},
            status="failed" if at % 2 else "succeeded",
            error=text if at % 2 else "",
        )
        for at, text in enumerate(texts)
    )
    rows = []
    for event in events_of(run.pk, texts, said.pk, answer.pk):
        session.last_seq += 1
        body = replace(event).frame(session.last_seq)
        rows.append(
            Event(session=session, seq=session.last_seq, run=run, type=event.type, body=body)
        )
    Event.objects.bulk_create(rows)
    session.save()
    return run.pk
