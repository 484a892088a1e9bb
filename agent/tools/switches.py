"""Which tools are switched off in a project. Whoever calls `switch` has checked the person's role."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from agent.models import SwitchedOffTool
from agent.support import raw_sql

if TYPE_CHECKING:
    from django.contrib.auth.models import User

OFF = "SELECT tool FROM agent_switchedofftool WHERE project_id = %s"


def switched_off(project_id: UUID) -> frozenset[str]:
    """Returns the names of the tools that are switched off in the project, also of tools that are gone."""
    return frozenset(raw_sql.column(OFF, project_id))


def refusal(tool: str) -> str:
    return f"the tool {tool} is switched off in this project"


def switch(project_id: UUID, tool: str, *, on: bool, by: User) -> None:
    """Switches a tool on or off. Plans that are validated or approved from now on follow it."""
    if on:
        SwitchedOffTool.objects.filter(project=project_id, tool=tool).delete()
    else:
        SwitchedOffTool.objects.get_or_create(project_id=project_id, tool=tool, defaults={"by": by})
