"""The admin site: Django's, with a first page of figures, a menu of groups and the model settings.

The models' pages, and what the first page shows, are in `agent.admin`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse

from agent.llm.factory import has_server, model_notice
from samurai_site import admin_menu, recorded_admin

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

# The permission to see runs includes the settings with which they are executed.
PERMISSION = "agent.view_run"


class SamuraiAdminSite(AdminSite):
    site_header = site_title = "Samurai Agent"
    index_title = "Overview"
    enable_nav_sidebar = False  # `templates/admin/menu.html` instead, which needs no script

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Has the audit log tell what is done in the admin of the models, also of other packages."""
        super().register(model_or_iterable, recorded_admin.recorded(admin_class), **options)

    def get_urls(self) -> list[Any]:
        page = path("settings/", self.admin_view(self.settings_view), name="settings")
        return [page, *super().get_urls()]

    def login(  # type: ignore[override]  # a redirect to any page
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        """Leads to the sign-in page, which has the limits and asks for the second factor."""
        page = request.GET.get("next") or reverse("admin:index")
        if not request.user.is_authenticated:
            return redirect_to_login(page)
        if self.has_permission(request):
            return redirect("admin:index")
        if not super().has_permission(request):
            raise PermissionDenied
        messages.warning(request, "The admin panel needs a second factor. Set one up first.")
        return redirect("mfa_index")

    def has_permission(self, request: HttpRequest) -> bool:
        """Tells whether the person is staff, and has a second factor if staff need one."""
        if not super().has_permission(request):
            return False
        return not settings.SAMURAI_STAFF_SECOND_FACTOR or _has_second_factor(request.user)

    def password_change(  # type: ignore[override]  # no page of its own
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return redirect("account_change_password")

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        groups = admin_menu.grouped(super().get_app_list(request, app_label), request.path)
        if request.user.has_perm(PERMISSION):
            site = {"name": "Site", "app_label": "", "app_url": "", "has_module_perms": True}
            pages = [
                _entry("Analytics", "analytics", "analytics"),
                _entry("Model settings", "settings", "admin:settings"),
            ]
            groups.append({**site, "models": pages})
        # What is folded stays last.
        return sorted(groups, key=lambda group: "is_folded" in group)

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        from agent.admin import home  # not earlier: its package registers models with this site

        sections = home.sections(request.user)
        return super().index(request, {"sections": sections, **(extra_context or {})})

    def app_index(  # type: ignore[override]  # no page of its own
        self, request: HttpRequest, app_label: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Leads to the first page: the menu has the models of all applications."""
        return redirect("admin:index")

    def settings_view(self, request: HttpRequest) -> TemplateResponse:
        if not request.user.has_perm(PERMISSION):
            raise PermissionDenied
        context = {**self.each_context(request), "title": "Model settings", "rows": rows()}
        return TemplateResponse(request, "admin/agent/settings.html", context)


def _has_second_factor(user: User | AnonymousUser) -> bool:
    """Recovery codes alone are none."""
    from allauth.mfa.models import Authenticator  # not earlier: this site is made before the models

    factors = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
    found: bool = Authenticator.objects.filter(user=user.pk, type__in=factors).exists()
    return found


def _entry(name: str, key: str, page: str) -> dict[str, Any]:
    return {
        "name": name,
        "object_name": key,
        "perms": {"add": False, "change": False, "delete": False, "view": True},
        "admin_url": reverse(page),
        "add_url": None,
        "view_only": True,
    }


def rows() -> list[tuple[str, str, str]]:
    """Returns variable, meaning and value of each setting, without secrets or parts of them."""
    return [
        ("", "Model in use", model_notice()),
        ("SAMURAI_MODEL", "Model name", settings.SAMURAI_MODEL if has_server() else "-"),
        ("OPENAI_BASE_URL", "Model server", _server()),
        ("OPENAI_API_KEY", "API key", "set" if settings.OPENAI_API_KEY else "not set"),
        (
            "SAMURAI_MODEL_CONTEXT",
            "Window of the model",
            str(settings.SAMURAI_MODEL_CONTEXT or "-"),
        ),
        ("SAMURAI_MODEL_TIMEOUT", "Timeout of a call", f"{settings.SAMURAI_MODEL_TIMEOUT} s"),
        ("SAMURAI_RUN_TIMEOUT", "Timeout of a run", f"{settings.SAMURAI_RUN_TIMEOUT} s"),
        (
            "SAMURAI_MAX_ACTIVE_RUNS",
            "Parallel runs per process",
            str(settings.SAMURAI_MAX_ACTIVE_RUNS),
        ),
        (
            "SAMURAI_USER_RUNS_PER_MINUTE",
            "Messages per user and minute",
            str(settings.SAMURAI_USER_RUNS_PER_MINUTE),
        ),
        ("SAMURAI_ENGINE", "Engine", settings.SAMURAI_ENGINE),
    ]


def _server() -> str:
    """Returns the address without user name, password and query, which may be secret."""
    if not has_server():
        return "none"
    if not settings.OPENAI_BASE_URL:
        return "OpenAI"
    address = urlsplit(settings.OPENAI_BASE_URL)
    host = address.netloc.rpartition("@")[2]
    return f"{address.scheme}://{host}{address.path}"
