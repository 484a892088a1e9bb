"""The top-level URLs."""

from django.contrib import admin
from django.urls import include, path

handler400 = "chat.error_pages.bad_request"
handler403 = "chat.error_pages.permission_denied"
handler404 = "chat.error_pages.page_not_found"
handler429 = "chat.error_pages.too_many_requests"  # django-allauth's
handler500 = "chat.error_pages.server_error"

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/", include("chat.api.urls")),
    path("", include("chat.urls")),
]
