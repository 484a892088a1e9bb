"""The page of a person's access tokens. The key of a token is in one response and nowhere else."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from agent.accounts.tokens import create_token, revoke
from agent.models import ApiToken
from chat import access
from chat.forms import TokenForm
from chat.page_context import frame, sends_form, user_of


@login_required
@require_http_methods(["GET", "POST"])
def tokens(request: HttpRequest) -> HttpResponse:
    """Lists the active tokens; creates one and shows its key."""
    user = user_of(request)
    form = TokenForm(request.POST or None, user=user)
    key = ""
    if request.method == "POST" and form.is_valid():
        _, key = create_token(user, **form.cleaned_data)
        form = TokenForm(user=user)
    rows = access.tokens(user).order_by("-created_at")
    context = {**frame(request, None), "tokens": rows, "form": form, "key": key}
    return render(request, "chat/tokens.html", context, status=400 if form.errors else 200)


@sends_form
@require_POST
def revoke_token(request: HttpRequest, token_id: UUID) -> HttpResponse:
    user = user_of(request)
    token = access.get_token(user, token_id)
    revoke(ApiToken.objects.filter(pk=token.pk), by=user)
    return redirect(f"{reverse('tokens')}?done=revoked")
