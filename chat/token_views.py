"""The page of a person's access tokens. The key of a token is shown once and stored nowhere."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from agent.accounts.tokens import create_token, revoke
from agent.models import ApiToken
from chat import access, shown_once
from chat.forms import TokenForm
from chat.page_context import frame, sends_form, user_of


@login_required
@require_http_methods(["GET", "POST"])
def tokens(request: HttpRequest) -> HttpResponse:
    """Lists the active tokens; creates one, whose key is then shown."""
    user = user_of(request)
    form = TokenForm(request.POST or None, user=user)
    if request.method == "POST" and form.is_valid():
        _, key = create_token(user, **form.cleaned_data)
        return shown_once.leave(request, reverse("tokens"), key)
    rows = access.tokens(user).order_by("-created_at")
    key = shown_once.secret_of(request)
    context = {**frame(request, None), "tokens": rows, "form": form, "key": key}
    status = 400 if form.errors else 200
    return shown_once.forget(request, render(request, "chat/tokens.html", context, status=status))


@sends_form
@require_POST
def revoke_token(request: HttpRequest, token_id: UUID) -> HttpResponse:
    user = user_of(request)
    token = access.get_token(user, token_id)
    revoke(ApiToken.objects.filter(pk=token.pk), by=user)
    return redirect(f"{reverse('tokens')}?done=revoked")
