"""The API's addresses."""

from django.urls import URLPattern, path, re_path

from chat.api.events import SessionEvents
from chat.api.views import NoSuchPage

urlpatterns: list[URLPattern] = [
    path("sessions/<uuid:session_id>/events/", SessionEvents.as_view(), name="api-events"),
    re_path("", NoSuchPage.as_view()),
]
