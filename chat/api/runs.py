"""A run, and what users can do with it: cancel, retry, decide on its plan, give feedback."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from agent.models import Feedback, Run
from agent.models.projects import Role
from agent.plan import MAX_STEPS
from agent.runs import approvals, ending, rerun, steering
from agent.runs.steering import Steer
from chat import access, feedback
from chat.api.authentication import user_of
from chat.api.idempotency import client_id_of, once
from chat.api.run_serializers import RunSerializer
from chat.api.schema import operation
from chat.api.serializers import FeedbackSerializer
from chat.api.text_fields import TextField
from chat.api.views import ApiView, location, on_loop
from chat.frames import MAX_REASON


def show_run(view: ApiView, run: Run | UUID, status: int = 200) -> Response:
    """Returns a response with the run's current state."""
    key = run.pk if isinstance(run, Run) else run
    rows = Run.objects.select_related(*RunSerializer.JOINED)
    now = rows.prefetch_related(*RunSerializer.FETCHED).get(pk=key)
    headers = {"Location": location("runs", key)} if status != 200 else None
    return Response(view.show(RunSerializer, now), status, headers=headers)


class RunDetail(ApiView):
    @operation(RunSerializer)
    def get(self, request: Request, run_id: UUID) -> Response:
        """Returns a run: its status, its plan with the steps, its approval and its answer."""
        return show_run(self, access.get_run(user_of(request), run_id))


class ReasonInput(serializers.Serializer[None]):
    reason = TextField(max_length=MAX_REASON, allow_blank=True, default="", trim_whitespace=False)


class PlanInput(serializers.Serializer[None]):
    plan_revision = serializers.IntegerField(min_value=1, max_value=2**31 - 1)


class CommentInput(serializers.Serializer[None]):
    step = serializers.CharField(help_text="The id of a step of the plan.")
    text = TextField(max_length=approvals.MAX_COMMENT, trim_whitespace=False)


class Objections(ReasonInput):
    comments = serializers.ListField(child=CommentInput(), default=list, max_length=MAX_STEPS)


class RejectInput(PlanInput, Objections):
    pass


class EditInput(PlanInput):
    steps = serializers.ListField(
        child=serializers.DictField(), help_text="As in a `plan` event, without `status`."
    )


class RunAction(ApiView):
    """An action of an editor on a run; the response is the run."""

    def editable(self, run_id: UUID) -> Run:
        return access.get_run(user_of(self.request), run_id, Role.EDITOR)

    def decide(self, decision: Any, run_id: UUID, body: Any, *names: str) -> Response:
        """Calls `decision` with the fields of the request."""
        run, fields = self.editable(run_id), self.read(body)
        more = [fields[name] for name in names]
        on_loop(
            decision, run.session_id, run.pk, fields["plan_revision"], user_of(self.request), *more
        )
        return show_run(self, run)


class SteerInput(serializers.Serializer[None]):
    content = serializers.CharField(trim_whitespace=False, allow_blank=True)
    client_id = serializers.UUIDField(required=False, allow_null=True)


class SteerRun(RunAction):
    @operation({201: RunSerializer}, body=SteerInput, once=True)
    @once()
    def post(self, request: Request, run_id: UUID) -> Response:
        """Sends a message into the run, whose plan changes at its next step. The response is the run; if
        the message came too late, that of the next message.
        """
        run, fields = self.editable(run_id), self.read(SteerInput)
        steer = Steer(fields["content"], fields.get("client_id") or client_id_of(request))
        found = on_loop(steering.send, run.session_id, run.pk, user_of(request), steer)
        return show_run(self, found, 201)


class CancelRun(RunAction):
    @operation(RunSerializer, body=ReasonInput, conflicts=True)
    def post(self, request: Request, run_id: UUID) -> Response:
        """Cancels a queued, running or waiting run for good."""
        run, fields = self.editable(run_id), self.read(ReasonInput)
        on_loop(ending.cancel, run.session_id, run.pk, user_of(request), fields["reason"])
        return show_run(self, run)


class RetryRun(RunAction):
    @operation({201: RunSerializer}, once=True, conflicts=True)
    @once()
    def post(self, request: Request, run_id: UUID) -> Response:
        """Continues a failed or cancelled run where it ended, as a new run."""
        run = self.editable(run_id)
        new = on_loop(rerun.retry, run.session_id, run.pk, user_of(request))
        return show_run(self, new, 201)


class RegenerateRun(RunAction):
    @operation({201: RunSerializer}, once=True, conflicts=True)
    @once()
    def post(self, request: Request, run_id: UUID) -> Response:
        """Answers the run's message again, as a new run."""
        run = self.editable(run_id)
        new = on_loop(rerun.regenerate, run.session_id, run.pk, user_of(request))
        return show_run(self, new, 201)


class ApproveRun(RunAction):
    @operation(RunSerializer, body=PlanInput, conflicts=True)
    def post(self, request: Request, run_id: UUID) -> Response:
        """Approves the waiting plan."""
        return self.decide(approvals.approve, run_id, PlanInput)


class RejectRun(RunAction):
    @operation(RunSerializer, body=RejectInput, conflicts=True)
    def post(self, request: Request, run_id: UUID) -> Response:
        """Requests a new plan for a reason or for comments on steps; without any, cancels the run."""
        return self.decide(approvals.reject, run_id, RejectInput, "reason", "comments")


class EditPlan(RunAction):
    @operation(RunSerializer, body=EditInput, conflicts=True)
    def post(self, request: Request, run_id: UUID) -> Response:
        """Replaces the steps of the waiting plan, which still needs approval."""
        return self.decide(approvals.edit, run_id, EditInput, "steps")


class FeedbackInput(serializers.Serializer[Feedback]):
    target = TextField(
        max_length=50, default="answer", help_text="answer, progress, or a plan step's id"
    )
    value = serializers.ChoiceField(Feedback.Value.choices)
    comment = TextField(max_length=MAX_REASON, allow_blank=True, default="")


class RunFeedback(ApiView):
    @operation(FeedbackSerializer(many=True))
    def get(self, request: Request, run_id: UUID) -> Response:
        """Lists your feedback."""
        run = access.get_run(user_of(request), run_id)
        given = run.feedback.filter(user=user_of(request))
        return Response(FeedbackSerializer(given, many=True).data)

    @operation({200: FeedbackSerializer, 201: FeedbackSerializer}, body=FeedbackInput, once=True)
    @once()
    def post(self, request: Request, run_id: UUID) -> Response:
        """Rates the answer, the progress or a step; another rating replaces yours."""
        run = access.get_run(user_of(request), run_id)
        fields = self.read(FeedbackInput)
        target = fields.pop("target")
        if target not in ("answer", "progress") and not _is_step(run, target):
            raise ValidationError(
                {"target": ["Has to be answer, progress, or the id of a plan step."]}
            )
        row, is_new = feedback.rate(run, user_of(request), target, **fields)
        return Response(self.show(FeedbackSerializer, row), 201 if is_new else 200)


def _is_step(run: Run, key: str) -> bool:
    return run.plans.filter(steps__key=key).exists()
