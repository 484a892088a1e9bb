"""The OpenAPI description of each operation. Its possible errors follow from its traits."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.settings import spectacular_settings
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.permissions import SAFE_METHODS

View = TypeVar("View", bound=Callable[..., Any])
Answer = type[serializers.BaseSerializer[Any]]

MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description="The `ETag` that you read; another state is not changed (412).",
)
ONCE = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "pattern": "^[!-~]{1,255}$"},
    OpenApiParameter.HEADER,
    description="Your own name for this request. Sent again with it, the request is not executed again.",
)
CODES: Mapping[int, str] = {
    400: "Invalid field, query or JSON",
    401: "Not signed in",
    403: "Not allowed for your role or token, or no CSRF token",
    404: "Not found, or no access",
    406: "The requested media type is not available",
    409: "Conflict with the current state",
    412: "Changed since you read it (`If-Match`)",
    413: "Too large",
    415: "Not JSON",
    422: "This `Idempotency-Key` was used for another request",
    429: "Too many requests; see `Retry-After`",
    503: "The database is unavailable; see `Retry-After`",
}
PROBLEM = {"type": "object", "additionalProperties": {}}
RETRY_AFTER = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds"}}


def operation(
    answers: Any = None,
    *,
    body: Any = None,
    query: Answer | Sequence[Answer] = (),
    many: bool = False,
    match: bool = False,
    once: bool = False,
    conflicts: bool = False,
    restricted: bool = False,
    **more: Any,
) -> Callable[[View], View]:
    """Describes a method of a view.

    `many`: the response is a page of a list; `match`: honours `If-Match`; `once`: honours `Idempotency-Key`;
    `conflicts`: may be refused because of the current state; `restricted`: not every viewer may read it.
    Fields of the query string that are in no `query` are refused.
    """
    queries = list(query) if isinstance(query, Sequence) else [query]
    parameters: list[Any] = [*queries, *([MATCH] if match else ()), *([ONCE] if once else ())]
    more |= {"request": body, "responses": _responses(answers, many), "parameters": parameters}

    def describe(method: View) -> View:
        codes = _error_codes(bool(body), match, once, conflicts) | ({403} if restricted else set())
        method.error_codes = codes  # type: ignore[attr-defined]
        method.query_fields = {name for one in queries for name in one().fields}  # type: ignore[attr-defined]
        return extend_schema(**more)(method)

    return describe


def _responses(answers: Any, many: bool) -> Mapping[int, Any]:
    if many:
        assert isinstance(answers, type), "one serializer"
        answers = page_of(answers)
    if isinstance(answers, Mapping):
        return answers
    return {200: answers} if answers else {204: None}


def _error_codes(body: bool, match: bool, once: bool, conflicts: bool) -> set[int]:
    codes = {400, *({409} if conflicts or once else ())}
    codes |= {412} if match else set()
    codes |= {413, 415, 422} if once else set()
    codes |= {413, 415} if body else set()
    return codes


_pages: dict[Answer, Answer] = {}


def page_of(item: Answer) -> Answer:
    if item not in _pages:
        fields = {
            "next": serializers.URLField(allow_null=True),
            "previous": serializers.URLField(allow_null=True),
            "results": item(many=True),
        }
        name = f"{item.__name__.removesuffix('Serializer')}Page"
        _pages[item] = type(name, (serializers.Serializer,), fields)
    return _pages[item]


# The section of an operation, where it is not the last one that its path names.
_TAG_OF = {
    "invitations": "projects",
    "shared-links": "sessions",
    "me": "account",
    "tokens": "account",
    "chat-stream": "chat",
}
# The names of operations that are not made of the method and the path.
_NAMES = {
    "GET /analytics/": "get_analytics",
    "GET /projects/{project_id}/analytics/": "get_project_analytics",
    "GET /search/": "search",
    "POST /ag-ui/": "run_ag_ui",
    "GET /ag-ui/runs/{name}/events/": "follow_ag_ui_run",
    "POST /projects/{project_id}/chat/": "chat",
    "POST /projects/{project_id}/chat-stream/": "chat_stream",
    "POST /runs/{run_id}/edit-plan/": "edit_plan",
    "POST /sessions/{session_id}/messages/": "send_message",
}
_VERBS = {"GET": "get", "PATCH": "change", "DELETE": "delete"}


class ApiSchema(AutoSchema):
    """Adds the errors that follow from an operation's traits, its name, its section and its summary."""

    def get_operation_id(self) -> str:
        """Returns e.g. "list_project_tasks", "change_task", "approve_run": clients make functions of them."""
        path = "/" + self.path.partition("/api/")[2]
        return _NAMES.get(f"{self.method} {path}") or self._name(path.strip("/").split("/"))

    def _name(self, parts: Sequence[str]) -> str:
        *owners, last = [part.replace("-", "_") for part in parts if not part.startswith("{")]
        owner = [_singular(name) for name in owners[-1:]]
        if parts[-1].startswith("{"):
            return "_".join([_VERBS[self.method], *owner, _singular(last)])
        if self.method == "GET":
            verb = "list" if last.endswith("s") else "get"
            return "_".join([verb, *owner, last])
        if hasattr(self.view, "get"):
            return "_".join(["create", *owner, _singular(last)])
        return "_".join([last, *owner])

    def get_tags(self) -> list[str]:
        parts = [_TAG_OF.get(part, part) for part in self.path.strip("/").split("/")]
        known = [tag["name"] for tag in spectacular_settings.TAGS]
        found = [part for part in parts if part in known]
        return ["ag-ui"] if "ag-ui" in found else found[-1:]

    def get_summary(self) -> str:
        """Returns the first sentence of the description."""
        return (
            self.get_description()
            .split("\n\n")[0]
            .replace("\n", " ")
            .partition(". ")[0]
            .rstrip(".")
        )

    def get_description(self) -> str:  # type: ignore[override]  # as drf_spectacular has it
        return inspect.cleandoc(getattr(self.view, self.method.lower()).__doc__ or "")

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        for code in sorted(self._errors()):
            response = {
                "description": CODES[code],
                "content": {"application/json": {"schema": PROBLEM}},
            }
            if code in (429, 503):
                response["headers"] = RETRY_AFTER
            bodies.setdefault(str(code), response)
        return bodies

    def _errors(self) -> set[int]:
        method = getattr(self.view, self.method.lower())
        codes = {401, 406, 429, 503} | getattr(method, "error_codes", set())
        if self.method not in SAFE_METHODS:
            codes.add(403)
        if "{" in self.path or getattr(method, "error_codes", None):
            codes.add(404)
        return codes


def _singular(name: str) -> str:
    return name.removesuffix("ies") + "y" if name.endswith("ies") else name.removesuffix("s")


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "chat.api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        text = "`Token <key>`, with a key from `POST /api/tokens/` or `manage.py create_token`."
        return {"type": "apiKey", "in": "header", "name": "Authorization", "description": text}


def stream_of(text: str) -> OpenApiResponse:
    """Describes the blocks of an event stream. A block's `data` is the JSON of one event."""
    block = {
        "type": "object",
        "required": ["data"],
        "properties": {
            "id": {"type": "string", "description": "The cursor for resuming after this event."},
            "event": {"type": "string"},
            "data": {"type": "string", "contentMediaType": "application/json"},
        },
    }
    return OpenApiResponse(block, description=text)
