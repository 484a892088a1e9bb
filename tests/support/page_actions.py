"""The control of a page that does what each writing operation of the API does.

`ACTIONS`: by the operation's name in the OpenAPI document, a `Control`, or the reason why there is none.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Control:
    """A control with the accessible name `name` on the page `page`, as an address with gaps.

    `source`: the file below the project's folder that has the name, as the page or its script writes it.
    """

    page: str
    name: str
    source: str


SESSION = "/sessions/{session}/"
PROJECT = "/projects/{project}/"
INVITATION = "/invitations/{invitation}/"
_EXCHANGE = "templates/chat/_exchange.html"
_INVITATION = "templates/chat/_invitation.html"

_DELETE = "templates/chat/delete_project.html"
_LINKS = "templates/chat/_links.html"
_MEMORY = "templates/chat/memory.html"
_PROJECT = "templates/chat/project.html"
_TASK = "templates/chat/task.html"

ACTIONS: dict[str, Control | str] = {
    "run_ag_ui": "AG-UI is for the pages of other products, which have controls of their own.",
    "chat": "It opens a session and sends a message for programs: create_project_session, send_message.",
    "chat_stream": "It opens a session and sends a message for programs, as `chat`.",
    # -- projects
    "create_project": Control(SESSION, "Create project", "templates/chat/_sidebar.html"),
    "change_project": Control(PROJECT, "Save project", _PROJECT),
    "delete_project": Control(PROJECT + "delete/", "Delete this project", _DELETE),
    "create_project_invitation": Control(PROJECT, "Invite", _PROJECT),
    "delete_project_invitation": Control(PROJECT, "Withdraw", _PROJECT),
    "accept_invitation": Control(INVITATION, "Join", _INVITATION),
    "decline_invitation": Control(INVITATION, "Decline", _INVITATION),
    "change_project_member": Control(PROJECT, "Change role", _PROJECT),
    "delete_project_member": Control(PROJECT, "Remove", _PROJECT),
    "change_project_tool": Control(
        PROJECT + "tools/", "{{ tool.name }}", "templates/chat/tools.html"
    ),
    # -- sessions
    "create_project_session": Control(PROJECT, "New session", _PROJECT),
    "change_session": Control(PROJECT, "Rename session", "templates/chat/_rename.html"),
    "delete_session": Control(
        SESSION + "delete/", "Delete this session", "templates/chat/delete_session.html"
    ),
    "create_session_shared_link": Control(SESSION, "Create link", _LINKS),
    "delete_shared_link": Control(SESSION, "Revoke", _LINKS),
    "send_message": Control(SESSION, "Send", "templates/chat/session.html"),
    "undo_session": Control(SESSION, "Undo", "templates/chat/_change.html"),
    # -- runs
    "approve_run": Control(SESSION, "Approve", _EXCHANGE),
    "reject_run": Control(SESSION, "Reject", _EXCHANGE),
    "edit_plan": Control(SESSION, "Save changes", "templates/chat/_editor.html"),
    "cancel_run": Control(SESSION, "Stop", _EXCHANGE),
    "retry_run": Control(SESSION, "Retry from where it stopped", _EXCHANGE),
    "regenerate_run": Control(SESSION, "Regenerate", _EXCHANGE),
    "steer_run": Control(SESSION, "Send into this run", "templates/chat/session.html"),
    "create_run_feedback": Control(SESSION, "Yes", "templates/chat/_feedback.html"),
    # -- tasks and memories
    "create_project_task": Control(PROJECT + "tasks/new/", "Add task", _TASK),
    "change_task": Control("/tasks/{task}/", "Save task", _TASK),
    "delete_task": Control("/tasks/{task}/", "Delete task", _TASK),
    "create_project_memory": Control(PROJECT + "memories/new/", "Add memory", _MEMORY),
    "change_memory": Control("/memories/{memory}/", "Save memory", _MEMORY),
    "delete_memory": Control("/memories/{memory}/", "Delete memory", _MEMORY),
    "undo_memory": Control("/memories/{memory}/", "Undo the last change", _MEMORY),
    # -- tokens
    "create_token": Control("/tokens/", "Create token", "templates/chat/tokens.html"),
    "delete_token": Control("/tokens/", "Revoke", "templates/chat/tokens.html"),
}
