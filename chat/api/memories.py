"""A project's memories, their history, and the undo of the last change."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agent.change import Change
from agent.edits import undo
from agent.memory import memories
from agent.models import Memory
from agent.models.projects import Role
from chat import access
from chat.api.authentication import user_of
from chat.api.etags import require_match, tagged
from chat.api.idempotency import once
from chat.api.schema import operation
from chat.api.serializers import MemorySerializer, RevisionSerializer
from chat.api.text_fields import NameField, TextField
from chat.api.views import EditView, InSession, PageQuery, location


class MemoryInput(serializers.Serializer[Memory]):
    title = NameField(max_length=memories.MAX_TITLE)
    content = TextField(max_length=memories.MAX_CONTENT)
    kind = serializers.ChoiceField(Memory.Kind.choices, default=Memory.Kind.FACT)
    category = TextField(max_length=memories.MAX_CATEGORY, allow_blank=True, required=False)


class MemoryFilter(PageQuery):
    q = TextField(required=False, max_length=1000, help_text="Finds related memories, best first.")
    kind = serializers.ChoiceField(Memory.Kind.choices, required=False)
    category = TextField(required=False, max_length=memories.MAX_CATEGORY)


class ProjectMemories(EditView):
    @operation(MemorySerializer, query=MemoryFilter, many=True)
    def get(self, request: Request, project_id: UUID) -> Response:
        """Lists the memories, or finds related ones with `q`, in one page."""
        project = access.get_project(user_of(request), project_id)
        wanted = self.query(MemoryFilter)
        filters = {name: wanted[name] for name in ("kind", "category") if name in wanted}
        if "q" in wanted:
            recalled = memories.search(project.pk, wanted["q"], wanted["limit"])
            matches = [
                row for row in recalled if all(getattr(row, n) == v for n, v in filters.items())
            ]
            shown = MemorySerializer(matches, many=True).data
            return Response({"next": None, "previous": None, "results": shown})
        return self.page(project.memories.filter(**filters), MemorySerializer, "-updated_at")

    @operation(
        {201: MemorySerializer, 200: MemorySerializer},
        body=MemoryInput,
        query=InSession,
        once=True,
    )
    @once()
    def post(self, request: Request, project_id: UUID) -> Response:
        """Adds a memory, or updates the one with the same content or the same title and kind (200)."""
        user = user_of(request)
        project = access.get_project(user, project_id, Role.EDITOR)
        fields = self.read(MemoryInput)

        def work() -> tuple[tuple[Memory, bool], list[Change]]:
            memory, change = memories.remember(project_id=project.pk, by_id=user.pk, **fields)
            is_new = change is not None and change.action == "created"
            return (memory, is_new), [change] if change else []

        memory, is_new = self.apply(project.pk, work)
        status = 201 if is_new else 200
        return tagged(
            self.show(MemorySerializer, memory), status, Location=location("memories", memory.pk)
        )


class MemoryDetail(EditView):
    @operation(MemorySerializer)
    def get(self, request: Request, memory_id: UUID) -> Response:
        """Returns a memory with its `ETag`."""
        return tagged(self.show(MemorySerializer, access.get_memory(user_of(request), memory_id)))

    @operation(MemorySerializer, body=MemoryInput, query=InSession, match=True)
    def patch(self, request: Request, memory_id: UUID) -> Response:
        """Changes the given fields, as another revision."""
        user = user_of(request)
        memory = access.get_memory(user, memory_id, Role.EDITOR)
        fields = self.read(MemoryInput, partial=True)

        def work() -> tuple[Memory, list[Change]]:
            revised, change = memories.revise(memory=self._now(memory), by_id=user.pk, **fields)
            return revised, [change] if change else []

        return tagged(self.show(MemorySerializer, self.apply(memory.project_id, work)))

    @operation(query=InSession, match=True)
    def delete(self, request: Request, memory_id: UUID) -> Response:
        """Deletes the memory; an undo restores it."""
        user = user_of(request)
        memory = access.get_memory(user, memory_id, Role.EDITOR)

        def work() -> tuple[None, list[Change]]:
            return None, [memories.forget(memory=self._now(memory), by_id=user.pk)[1]]

        self.apply(memory.project_id, work)
        return Response(status=204)

    def _now(self, memory: Memory) -> Memory:
        """Returns the current memory, locked. Raises StaleMatch when `If-Match` names another state."""
        now: Memory | None = Memory.objects.select_for_update().filter(pk=memory.pk).first()
        if now is None:
            raise Http404("Memory not found.")
        require_match(self.request, self.show(MemorySerializer, now))
        return now


class MemoryRevisions(EditView):
    @operation(RevisionSerializer, query=PageQuery, many=True)
    def get(self, request: Request, memory_id: UUID) -> Response:
        """Lists the revisions, newest first, also of a deleted memory."""
        self.query(PageQuery)
        memory = access.get_memory_or_forgotten(user_of(request), memory_id)
        return self.page(memory.revisions.select_related("by"), RevisionSerializer, "-number")


class MemoryUndo(EditView):
    @operation({200: MemorySerializer, 204: None}, query=InSession, conflicts=True)
    def post(self, request: Request, memory_id: UUID) -> Response:
        """Undoes the last change. 204: that change had created the memory, which is now deleted."""
        user = user_of(request)
        memory = access.get_memory_or_forgotten(user, memory_id, Role.EDITOR)

        def work() -> tuple[None, list[Change]]:
            return None, [undo.undo_latest(memory, by_id=user.pk)]

        self.apply(memory.project_id, work)
        now = Memory.objects.filter(pk=memory.pk).first()
        if now is None:
            return Response(status=204)
        return tagged(self.show(MemorySerializer, now))
