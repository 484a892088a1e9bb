"""The API's addresses."""

from django.urls import URLPattern, path, re_path, register_converter
from django.urls.converters import StringConverter

from chat.api import (
    accounts,
    ag_ui,
    analytics,
    chat,
    docs,
    invitations,
    memories,
    projects,
    runs,
    search,
    sessions,
    shared_links,
    tasks,
)
from chat.api.events import SessionEvents
from chat.api.views import NoSuchPage


class Username(StringConverter):
    """What Django allows as a user's name."""

    regex = r"[\w.@+-]{1,150}"


register_converter(Username, "username")

PROJECT = "projects/<uuid:project_id>"
SESSION = "sessions/<uuid:session_id>"
RUN = "runs/<uuid:run_id>"
MEMORY = "memories/<uuid:memory_id>"

urlpatterns: list[URLPattern] = [
    path("schema/", docs.Schema.as_view(), name="api-schema"),
    path("docs/", docs.page, name="api-docs"),
    path("me/", accounts.Me.as_view()),
    path("search/", search.Search.as_view()),
    path("tools/", accounts.Tools.as_view()),
    path("tokens/", accounts.Tokens.as_view()),
    path("tokens/<uuid:token_id>/", accounts.TokenDetail.as_view()),
    path("analytics/", analytics.Analytics.as_view()),
    path("projects/", projects.Projects.as_view()),
    path(f"{PROJECT}/", projects.ProjectDetail.as_view()),
    path(f"{PROJECT}/members/", projects.ProjectMembers.as_view()),
    path(f"{PROJECT}/members/<username:username>/", projects.ProjectMember.as_view()),
    path(f"{PROJECT}/invitations/", invitations.ProjectInvitations.as_view()),
    path(f"{PROJECT}/invitations/<uuid:invitation_id>/", invitations.ProjectInvitation.as_view()),
    path("invitations/", invitations.Invitations.as_view()),
    path("invitations/<uuid:invitation_id>/accept/", invitations.AcceptInvitation.as_view()),
    path("invitations/<uuid:invitation_id>/decline/", invitations.DeclineInvitation.as_view()),
    path(f"{PROJECT}/tools/", projects.ProjectTools.as_view()),
    path(f"{PROJECT}/tools/<str:name>/", projects.ProjectTool.as_view()),
    path(f"{PROJECT}/analytics/", analytics.ProjectAnalytics.as_view()),
    path(f"{PROJECT}/chat/", chat.Chat.as_view()),
    path(f"{PROJECT}/chat-stream/", chat.ChatStream.as_view()),
    path(f"{PROJECT}/sessions/", sessions.ProjectSessions.as_view()),
    path(f"{PROJECT}/tasks/", tasks.ProjectTasks.as_view()),
    path(f"{PROJECT}/memories/", memories.ProjectMemories.as_view()),
    path(f"{SESSION}/", sessions.SessionDetail.as_view()),
    path(f"{SESSION}/messages/", sessions.SessionMessages.as_view()),
    path(f"{SESSION}/runs/", sessions.SessionRuns.as_view()),
    path(f"{SESSION}/events/", SessionEvents.as_view()),
    path(f"{SESSION}/undo/", sessions.SessionUndo.as_view()),
    path(f"{SESSION}/shared-links/", shared_links.SessionSharedLinks.as_view()),
    path("shared-links/<uuid:link_id>/", shared_links.SharedLinkDetail.as_view()),
    path(f"{RUN}/", runs.RunDetail.as_view()),
    path(f"{RUN}/steer/", runs.SteerRun.as_view()),
    path(f"{RUN}/cancel/", runs.CancelRun.as_view()),
    path(f"{RUN}/retry/", runs.RetryRun.as_view()),
    path(f"{RUN}/regenerate/", runs.RegenerateRun.as_view()),
    path(f"{RUN}/approve/", runs.ApproveRun.as_view()),
    path(f"{RUN}/reject/", runs.RejectRun.as_view()),
    path(f"{RUN}/edit-plan/", runs.EditPlan.as_view()),
    path(f"{RUN}/feedback/", runs.RunFeedback.as_view()),
    path("tasks/<uuid:task_id>/", tasks.TaskDetail.as_view()),
    path("tasks/<uuid:task_id>/specification/", tasks.TaskSpecification.as_view()),
    path(f"{MEMORY}/", memories.MemoryDetail.as_view()),
    path(f"{MEMORY}/revisions/", memories.MemoryRevisions.as_view()),
    path(f"{MEMORY}/undo/", memories.MemoryUndo.as_view()),
    path("ag-ui/", ag_ui.AgUi.as_view()),
    path("ag-ui/runs/<str:name>/events/", ag_ui.AgUiEvents.as_view()),
    re_path("", NoSuchPage.as_view()),
]
