"""The analytics for programs: the same figures as on the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from agent.analytics import report
from agent.analytics.period import choose, zone_named
from agent.analytics.queries import Scope
from agent.models import Run
from chat import access
from chat.api.authentication import user_of
from chat.api.schema import operation
from chat.api.text_fields import TextField
from chat.api.views import ApiView

if TYPE_CHECKING:
    Plain = serializers.Serializer[Any]
else:
    Plain = serializers.Serializer


def _ms(help_text: str = "", **options: Any) -> serializers.IntegerField:
    return serializers.IntegerField(help_text=f"{help_text} Milliseconds.".strip(), **options)


def _percent(help_text: str) -> serializers.FloatField:
    return serializers.FloatField(
        allow_null=True, help_text=f"{help_text} In percent; null of nothing."
    )


class AnalyticsQuery(serializers.Serializer[None]):
    first = serializers.DateField(
        required=False, help_text="The first day. Without it, the period has 30 days."
    )
    last = serializers.DateField(required=False, help_text="The last day. Without it, today.")
    zone = TextField(
        max_length=100,
        required=False,
        help_text="The time zone of the days, such as Europe/Berlin. Without it, that of the server.",
    )


class TimeRowSerializer(Plain):
    """How long something took."""

    name = serializers.CharField(allow_blank=True, help_text="A phase, a tool or a model.")
    number = serializers.IntegerField()
    total_ms = _ms()
    share = _percent("Of the time of its list.")
    p50_ms = _ms("The median.", allow_null=True)
    p95_ms = _ms("19 of 20 are not slower.", allow_null=True)
    max_ms = _ms(allow_null=True)
    p50_before_ms = _ms("The median in the period before.", allow_null=True)
    change = _percent("Of the median since the period before; null with fewer than ten values.")
    failed = serializers.IntegerField(help_text="Of `number`; they are not in the times.")
    estimated = serializers.IntegerField(help_text="Those for which a range was estimated before.")
    inside_share = _percent("Of `estimated`, those within the range.")


class DayRowSerializer(Plain):
    day = serializers.DateField(
        help_text="In periods of more than 62 days, the first of seven days."
    )
    runs = serializers.IntegerField(help_text="Those that are over.")
    failed = serializers.IntegerField()
    p50_ms = _ms(allow_null=True)
    p95_ms = _ms(allow_null=True)


class RunNumbersSerializer(Plain):
    number = serializers.IntegerField()
    succeeded = serializers.IntegerField()
    failed = serializers.IntegerField()
    cancelled = serializers.IntegerField()
    unfinished = serializers.IntegerField()
    retries = serializers.IntegerField()
    failed_share = _percent("Of all runs.")
    before = serializers.IntegerField(help_text="Runs of the period before.")
    failed_share_before = _percent("In the period before.")


class ListedRunSerializer(Plain):
    run = serializers.UUIDField()
    number = serializers.IntegerField()
    session = serializers.UUIDField()
    title = serializers.CharField(allow_blank=True, help_text="Of the session.")
    project = serializers.UUIDField()
    project_name = serializers.CharField()
    model = serializers.CharField(allow_blank=True)
    status = serializers.ChoiceField(Run.Status.choices)
    ms = _ms("What it is listed for.")


class FailureSerializer(Plain):
    code = serializers.CharField(allow_blank=True)
    number = serializers.IntegerField()
    retried = serializers.IntegerField(help_text="Of these runs.")
    recovered = serializers.IntegerField(help_text="Of these runs, those whose retry succeeded.")


class TotalSerializer(Plain):
    name = serializers.CharField(
        allow_blank=True, help_text="Of a project or a person; empty for a deleted account."
    )
    runs = serializers.IntegerField()
    calls = serializers.IntegerField(help_text="To the server of a model.")
    input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    cost = serializers.DecimalField(
        max_digits=30,
        decimal_places=10,
        allow_null=True,
        help_text="In `currency`; null if no part of it is known.",
    )
    is_whole = serializers.BooleanField(help_text="No part of the cost is unknown.")


class OpinionRowSerializer(Plain):
    target = serializers.ChoiceField(["answer", "progress", "step"])
    helpful = serializers.IntegerField()
    not_helpful = serializers.IntegerField()
    share = _percent("Of the helpful.")
    share_before = _percent("In the period before.")


class AnalyticsSerializer(Plain):
    first = serializers.DateField()
    last = serializers.DateField()
    zone = serializers.CharField()
    project = serializers.UUIDField(allow_null=True)
    currency = serializers.CharField()
    findings = serializers.ListField(child=serializers.CharField(), help_text="Sentences.")
    runs = RunNumbersSerializer()
    time = TimeRowSerializer(help_text="Of successful runs.")
    days = DayRowSerializer(many=True)
    phases = TimeRowSerializer(many=True)
    tools = TimeRowSerializer(many=True)
    models = TimeRowSerializer(many=True)
    progress = TimeRowSerializer(
        many=True,
        help_text="`updates` of a run, which are numbers and no times; its longest `silence`; the time to "
        "the `first` progress.",
    )
    slowest = ListedRunSerializer(many=True)
    most_silent = ListedRunSerializer(many=True)
    failures = FailureSerializer(many=True)
    projects = TotalSerializer(many=True)
    people = TotalSerializer(many=True)
    total = TotalSerializer()
    opinions = OpinionRowSerializer(many=True)


class _Analytics(ApiView):
    def answer(self, project: UUID | None) -> Response:
        wanted = self.query(AnalyticsQuery)
        name = wanted.get("zone") or settings.SAMURAI_TIME_ZONE
        if (zone := zone_named(name)) is None:
            raise ValidationError({"zone": ["There is no such time zone."]})
        return Response(self._figures(wanted, zone, project))

    def _figures(
        self, wanted: dict[str, Any], zone: ZoneInfo, project: UUID | None
    ) -> dict[str, Any]:
        try:
            period = choose(wanted.get("first"), wanted.get("last"), zone)
        except ValueError as error:
            raise ValidationError({"first": [str(error)]}) from None
        made = report.make(Scope(period, project)).as_json()
        return self.show(AnalyticsSerializer, made)


class Analytics(_Analytics):
    @operation(AnalyticsSerializer, query=AnalyticsQuery, restricted=True)
    def get(self, request: Request) -> Response:
        """Returns the figures of all projects' runs in a period: where the time goes, failures, cost,
        progress and feedback. For the staff who may view runs in the admin.
        """
        access.require_analyse_all(user_of(request))
        return self.answer(None)


class ProjectAnalytics(_Analytics):
    @operation(AnalyticsSerializer, query=AnalyticsQuery, restricted=True)
    def get(self, request: Request, project_id: UUID) -> Response:
        """Returns the figures of a project's runs in a period, for its owner. They are those of
        `get_analytics`.
        """
        return self.answer(access.project_to_analyse(user_of(request), project_id).pk)
