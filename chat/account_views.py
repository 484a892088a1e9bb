"""The page of a person's own data: everything as a file, and the deletion of the account."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from asgiref.sync import sync_to_async
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.core.cache import cache
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from agent.engine import account_deletion
from agent.engine.account_deletion import Undecided
from agent.exceptions import Refused
from agent.support import database
from chat import account_export
from chat.account_forms import DeleteAccountForm, ExportAccountForm
from chat.page_context import frame, sends_form, user_of

CLOSED = (
    "Nobody can sign in with it any more. What belongs to it is deleted within the next minutes, a large "
    "account within hours."
)
# Seconds after which another export may begin when nothing was taken of one: its process has died, or its
# client has stalled.
STALLED = 300


class Busy(Exception):
    """An export of the user is being sent."""


@login_required
@require_GET
def data(request: HttpRequest) -> HttpResponse:
    return _show(request)


def _show(request: HttpRequest, status: int = 200, **forms: Form) -> HttpResponse:
    context = {
        **frame(request, None),
        "export": ExportAccountForm(request=request, auto_id="export-%s"),
        "delete": DeleteAccountForm(request=request, auto_id="delete-%s"),
        **forms,
    }
    return render(request, "chat/account_data.html", context, status=status)


@require_POST
async def export(request: HttpRequest) -> HttpResponseBase:
    """Sends the file, one at a time for each user in all processes."""
    user = await request.auser()
    if not isinstance(user, User):
        return redirect_to_login(reverse("account-data"))
    if (refusal := await sync_to_async(_refusal)(request)) is not None:
        return refusal
    parts = _lines(user)
    try:
        first = await anext(parts)
    except Busy:
        form = ExportAccountForm(request=request, auto_id="export-%s")
        form.problem = "Your data is being exported already. Try again when that is done."
        return await sync_to_async(_show)(request, 409, export=form)
    headers = {
        "Content-Disposition": f'attachment; filename="{account_export.file_name(user)}"',
        "Cache-Control": "no-store",
    }
    return StreamingHttpResponse(
        _with_first(first, parts), content_type="application/x-ndjson", headers=headers
    )


def _refusal(request: HttpRequest) -> HttpResponse | None:
    form = ExportAccountForm(request.POST, request=request, auto_id="export-%s")
    return None if form.is_valid() else _show(request, 400, export=form)


async def _lines(user: User) -> AsyncGenerator[str, None]:
    key = f"export-{user.pk}"
    if not await cache.aadd(key, True, STALLED):
        raise Busy
    try:
        await database.call(account_export.begin, user, by=user)
        async for part in account_export.lines(user):
            yield part
            await cache.atouch(key, STALLED)
    finally:
        await cache.adelete(key)


async def _with_first(first: str, parts: AsyncGenerator[str, None]) -> AsyncGenerator[str, None]:
    try:
        yield first
        async for part in parts:
            yield part
    finally:
        await parts.aclose()


@sends_form
@require_POST
def delete(request: HttpRequest) -> HttpResponse:
    """Closes the account. The server deletes what belongs to it in parts."""
    user = user_of(request)
    form = DeleteAccountForm(request.POST, request=request, auto_id="delete-%s")
    if not form.is_valid():
        return _show(request, 400, delete=form)
    try:
        account_deletion.begin(user, form.heirs(), by=user)
    except (Undecided, Refused) as refused:
        form.add_error(None, str(refused))
        return _show(request, 409, delete=form)
    logout(request)
    context = {"title": "Your account is closed", "text": CLOSED, "link": reverse("sign-in")}
    return render(request, "chat/error.html", {**context, "label": "Sign in"})
