"""Shared links: who may share a session lists, creates and revokes them."""

from __future__ import annotations

import logging
from uuid import UUID

from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from agent.accounts.shared_links import DAYS, DEFAULT_DAYS, MAY_SHARE, create_link, revoke
from agent.models import SharedLink
from chat import access, guest_cookie
from chat.api.authentication import user_of
from chat.api.idempotency import once
from chat.api.schema import operation
from chat.api.serializers import NewSharedLinkSerializer, SharedLinkSerializer
from chat.api.views import ApiView, PageQuery, location

logger = logging.getLogger(__name__)


class SharedLinkInput(serializers.Serializer[SharedLink]):
    days = serializers.ChoiceField(
        DAYS, default=DEFAULT_DAYS, help_text="After so many days the link expires."
    )
    run = serializers.UUIDField(
        required=False,
        allow_null=True,
        help_text="A run of the session: nothing else is shown then.",
    )
    shows_tasks = serializers.BooleanField(
        default=False, help_text="Shows the tasks of the project too."
    )
    shows_memories = serializers.BooleanField(
        default=False, help_text="Shows the memories of the project too."
    )


class SessionSharedLinks(ApiView):
    @operation(SharedLinkSerializer, query=PageQuery, many=True)
    def get(self, request: Request, session_id: UUID) -> Response:
        """Lists the shared links of the session that work; for the owner and editors."""
        self.query(PageQuery)
        rows = access.shared_links(user_of(request), session_id)
        return self.page(rows, SharedLinkSerializer, "-created_at")

    @operation({201: NewSharedLinkSerializer}, body=SharedLinkInput, once=True)
    @once("url")
    def post(self, request: Request, session_id: UUID) -> Response:
        """Creates a link by which anybody sees the session, or one run of it, until it expires or is
        revoked. Its secret is only in this response: the server keeps a digest."""
        user = user_of(request)
        session = access.get_session(user, session_id, MAY_SHARE)
        fields = self.read(SharedLinkInput)
        if (key := fields.pop("run", None)) is not None:
            fields["run"] = session.runs.filter(pk=key).first()
            if fields["run"] is None:
                raise ValidationError({"run": ["Run not found in this session."]})
        link, secret = create_link(session, user, **fields)
        logger.info("%s shared the session %s by the link %s", user, session.pk, link.pk)
        link.url = guest_cookie.address(request, link.pk, secret)  # type: ignore[attr-defined]  # for this response
        shown = self.show(NewSharedLinkSerializer, link)
        return Response(shown, 201, headers={"Location": location("shared-links", link.pk)})


class SharedLinkDetail(ApiView):
    @operation(SharedLinkSerializer)
    def get(self, request: Request, link_id: UUID) -> Response:
        """Returns a shared link that works, without its secret; for the owner and editors."""
        return Response(self.show(SharedLinkSerializer, self._link(link_id)))

    @operation()
    def delete(self, request: Request, link_id: UUID) -> Response:
        """Revokes the link. Open pages stop within about a second."""
        link = self._link(link_id)
        revoke(SharedLink.objects.filter(pk=link.pk), by=user_of(request))
        logger.info("%s revoked the shared link %s", request.user, link.pk)
        return Response(status=204)

    def _link(self, link_id: UUID) -> SharedLink:
        return access.get_shared_link(user_of(self.request), link_id)
