"""Which tools are switched off in a project. Whoever calls `switch` has checked the person's role."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction

from agent.accounts.audit import Deed, record
from agent.models import AuditEntry, Project, SwitchedOffTool
from agent.support import raw_sql

if TYPE_CHECKING:
    from django.contrib.auth.models import User

OFF = "SELECT tool FROM agent_switchedofftool WHERE project_id = %s"


def switched_off(project_id: UUID) -> frozenset[str]:
    """Returns the names of the tools that are switched off in the project, also of tools that are gone."""
    return frozenset(raw_sql.column(OFF, project_id))


def switched_off_at(project_id: UUID, at: datetime) -> frozenset[str] | None:
    """Returns the tools that were switched off at a time, as the audit log tells; None if it does not go
    back so far.
    """
    first = AuditEntry.objects.order_by("at").values_list("at", flat=True).first()
    if first is None or first > at:
        return None
    off = set(switched_off(project_id))
    told = AuditEntry.objects.filter(kind="project", object_id=str(project_id), at__gt=at)
    later = told.filter(deed__in=(Deed.TOOL_SWITCHED_ON, Deed.TOOL_SWITCHED_OFF)).order_by("-id")
    for deed, details in later.values_list("deed", "details"):
        was_off = deed == Deed.TOOL_SWITCHED_ON
        (off.add if was_off else off.discard)(details["tool"])
    return frozenset(off)


def refusal(tool: str) -> str:
    return f"the tool {tool} is switched off in this project"


def switch(project_id: UUID, tool: str, *, on: bool, by: User) -> None:
    """Switches a tool on or off. Plans that are validated or approved from now on follow it."""
    with transaction.atomic():
        if on:
            is_new = SwitchedOffTool.objects.filter(project=project_id, tool=tool).delete()[0] > 0
        else:
            of = {"project_id": project_id, "tool": tool}
            _, is_new = SwitchedOffTool.objects.get_or_create(**of, defaults={"by": by})
        if is_new:
            deed = Deed.TOOL_SWITCHED_ON if on else Deed.TOOL_SWITCHED_OFF
            project = Project.objects.get(pk=project_id)
            record(deed, project, by=by, project=project_id, tool=tool)
