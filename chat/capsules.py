"""The download of a run as a capsule: for the owner of its project, and for the staff among its members."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from agent.accounts.audit import Deed, record
from chat import access
from chat.error_pages import Problem, respond
from chat.page_context import user_of
from chat.run_page.calls import may_read


@login_required
@require_GET
def of_run(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Sends the capsule, with `?redacted=1` without texts of people and models."""
    if not settings.SAMURAI_CAPSULES:
        raise Http404("Capsules are switched off.")
    # Imported here: few servers are asked for a capsule.
    from agent.capsule import form
    from agent.capsule.form import NoCapsule
    from agent.capsule.recording import capsule_of
    from agent.capsule.redaction import redacted

    user = user_of(request)
    run = access.get_run(user, run_id)
    if not may_read(user, run):  # a capsule has the calls to the model
        raise PermissionDenied(
            "Only who may read the run's calls to its model may download its capsule."
        )
    try:
        capsule = capsule_of(run)
        is_redacted = request.GET.get("redacted") == "1"
        if is_redacted:
            capsule = redacted(capsule)
        content = form.to_bytes(capsule, compressed=True)
    except NoCapsule as error:
        return respond(request, Problem(409, "no_capsule", "No capsule", str(error)))
    project = run.session.project_id
    record(Deed.RUN_EXPORTED, run, by=user, project=project, redacted=is_redacted)
    headers = {"Content-Disposition": f'attachment; filename="run-{run.pk}.json.gz"'}
    return HttpResponse(content, content_type="application/gzip", headers=headers)
