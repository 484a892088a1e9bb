"""The pages' addresses."""

from django.templatetags.static import static
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from chat import (
    account_views,
    analytics_page,
    board_views,
    capsules,
    guest_pages,
    invitation_views,
    link_views,
    measurements,
    metrics_page,
    model_page,
    project_views,
    replay,
    session_views,
    theme,
    token_views,
    views,
)
from chat.accounts.sign_in import sign_in_by_link
from chat.api.events import GuestEvents
from chat.run_page import views as run_views

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.home, name="home"),
    # Where browsers look for it when what they show, like JSON, names none.
    path("favicon.ico", RedirectView.as_view(url=static("chat/favicon.svg"))),
    path("theme/", theme.choose_theme, name="theme"),
    path("projects/", views.new_project, name="new-project"),
    path("projects/<uuid:project_id>/", project_views.project_page, name="project"),
    path("projects/<uuid:project_id>/edit/", project_views.edit_project, name="edit-project"),
    path("projects/<uuid:project_id>/delete/", project_views.delete_project, name="delete-project"),
    path("projects/<uuid:project_id>/tasks/new/", board_views.new_task, name="new-task"),
    path("projects/<uuid:project_id>/memories/new/", board_views.new_memory, name="new-memory"),
    path("projects/<uuid:project_id>/export/", project_views.export, name="export"),
    path("projects/<uuid:project_id>/invitations/", project_views.invite, name="invite"),
    path(
        "projects/<uuid:project_id>/invitations/<uuid:invitation_id>/withdraw/",
        project_views.withdraw,
        name="withdraw-invitation",
    ),
    path("invitations/<uuid:invitation_id>/", invitation_views.page, name="invitation"),
    path(
        "invitations/<uuid:invitation_id>/accept/",
        invitation_views.accept,
        name="accept-invitation",
    ),
    path(
        "invitations/<uuid:invitation_id>/decline/",
        invitation_views.decline,
        name="decline-invitation",
    ),
    path(
        "projects/<uuid:project_id>/members/<str:username>/role/",
        project_views.change_role,
        name="change-role",
    ),
    path(
        "projects/<uuid:project_id>/members/<str:username>/remove/",
        project_views.remove,
        name="remove-member",
    ),
    path("projects/<uuid:project_id>/sessions/", views.new_session, name="new-session"),
    path("projects/<uuid:project_id>/tools/", views.tools_page, name="tools"),
    path(
        "projects/<uuid:project_id>/tools/<str:name>/switch/",
        views.switch_tool,
        name="switch-tool",
    ),
    path("projects/<uuid:project_id>/board/", views.board, name="board"),
    path("sessions/<uuid:session_id>/", views.session_page, name="session"),
    path("sessions/<uuid:session_id>/settings/", session_views.settings, name="session-settings"),
    path("sessions/<uuid:session_id>/rename/", session_views.rename, name="rename-session"),
    path("sessions/<uuid:session_id>/delete/", session_views.delete, name="delete-session"),
    path("sessions/<uuid:session_id>/links/", link_views.links, name="shared-links"),
    path("shared-links/<uuid:link_id>/revoke/", link_views.revoke_link, name="revoke-link"),
    # By a shared link. All are below its path, which is that of the guest's cookie.
    path("shared/<uuid:link_id>/", guest_pages.shared, name="shared"),
    path("shared/<uuid:link_id>/entries/", guest_pages.entries, name="shared-entries"),
    path("shared/<uuid:link_id>/where/<str:name>/", guest_pages.where, name="shared-where"),
    path("shared/<uuid:link_id>/board/", guest_pages.board, name="shared-board"),
    path("shared/<uuid:link_id>/events/", GuestEvents.as_view(), name="shared-events"),
    path("sessions/<uuid:session_id>/entries/", views.entries, name="entries"),
    path("sessions/<uuid:session_id>/where/<str:name>/", views.where, name="where"),
    path("sessions/<uuid:session_id>/replay/", replay.page, name="replay"),
    path("sessions/<uuid:session_id>/replay/board/", replay.board, name="replay-board"),
    path("sessions/<uuid:session_id>/undo/", views.undo, name="undo"),
    path("sessions/<uuid:session_id>/retry/", views.retry, name="retry"),
    path("sessions/<uuid:session_id>/regenerate/", views.regenerate, name="regenerate"),
    path("runs/<uuid:run_id>/", run_views.run_page, name="run"),
    path("runs/<uuid:run_id>/compare/", run_views.choose, name="compare"),
    path(
        "runs/<uuid:run_id>/compare/<uuid:other_id>/", run_views.compare_runs, name="compare-runs"
    ),
    path("runs/<uuid:run_id>/progress-opinion/", run_views.rate_progress, name="rate-progress"),
    path("runs/<uuid:run_id>/capsule/", capsules.of_run, name="run-capsule"),
    path("runs/<uuid:run_id>/links/", link_views.run_links, name="run-links"),
    path("runs/<uuid:run_id>/replay/", replay.of_run, name="run-replay"),
    path("analytics/", analytics_page.of_all, name="analytics"),
    path("analytics/csv/", analytics_page.csv_of_all, name="analytics-csv"),
    path(
        "projects/<uuid:project_id>/analytics/", analytics_page.of_project, name="project-analytics"
    ),
    path(
        "projects/<uuid:project_id>/analytics/csv/",
        analytics_page.csv_of_project,
        name="project-analytics-csv",
    ),
    path("model/", model_page.model, name="model"),
    path("tasks/<uuid:task_id>/", board_views.task_page, name="task"),
    path("tasks/<uuid:task_id>/move/", board_views.move_task, name="move-task"),
    path("tasks/<uuid:task_id>/delete/", board_views.delete_task, name="delete-task"),
    path("memories/<uuid:memory_id>/", board_views.memory_page, name="memory"),
    path("memories/<uuid:memory_id>/delete/", board_views.delete_memory, name="delete-memory"),
    path("memories/<uuid:memory_id>/undo/", board_views.undo_memory, name="undo-memory"),
    path(
        "memories/<uuid:memory_id>/revisions/<int:number>/use/",
        board_views.use_revision,
        name="use-revision",
    ),
    path("tokens/", token_views.tokens, name="tokens"),
    path("tokens/<uuid:token_id>/revoke/", token_views.revoke_token, name="revoke-token"),
    path("account/data/", account_views.data, name="account-data"),
    path("account/data/export/", account_views.export, name="export-account"),
    path("account/data/delete/", account_views.delete, name="delete-account"),
    path("metrics", metrics_page.metrics, name="metrics"),
    path("measurements/", measurements.report, name="measurements"),
    path("waiting/", views.waiting_page, name="waiting"),
    path("waiting/count/", views.waiting_count, name="waiting-count"),
    path("waiting/<uuid:run_id>/", views.decide, name="decide"),
    path("accounts/", include("chat.accounts.urls")),
    path("sign-in/<str:token>/", sign_in_by_link, name="sign-in-link"),
]
