"""The addresses of signing in with a provider. Imported with SAMURAI_OIDC_URL only."""

from __future__ import annotations

from allauth.socialaccount import views
from allauth.socialaccount.providers.openid_connect.views import callback
from django.conf import settings
from django.urls import URLPattern, path

from chat.accounts import provider

# The provider sends people back to the address of `callback`, which is registered with it.
urlpatterns: list[URLPattern] = [
    path("provider/", provider.begin, name="openid_connect_login"),
    path(
        "provider/callback/",
        callback,
        {"provider_id": settings.PROVIDER_ID},
        name="openid_connect_callback",
    ),
    path("provider/sign-up/", views.signup, name="socialaccount_signup"),
    path("provider/disconnect/", provider.disconnect, name="socialaccount_connections"),
    path("provider/cancelled/", provider.cancelled, name="socialaccount_login_cancelled"),
]
