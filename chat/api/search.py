"""The search over everything that the current user may view."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chat import search
from chat.api.authentication import user_of
from chat.api.schema import operation
from chat.api.serializers import FoundSerializer, SearchSerializer
from chat.api.text_fields import TextField
from chat.api.views import ApiView


class SearchQuery(serializers.Serializer[None]):
    q = TextField(max_length=search.MAX_QUERY, help_text="Words or parts of words, or “#12”.")


class Search(ApiView):
    @operation(SearchSerializer, query=SearchQuery)
    def get(self, request: Request) -> Response:
        """Finds projects, sessions, tasks, memories and messages by words. At most five of each kind, best
        first. A message is found by the beginnings of its words.
        """
        found = search.find(user_of(request), self.query(SearchQuery)["q"])
        return Response({"results": FoundSerializer(found, many=True).data})
