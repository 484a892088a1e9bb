"""What the OpenAPI document says of each operation. Every error that can come follows from its traits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.permissions import SAFE_METHODS

View = TypeVar("View", bound=Callable[..., Any])
Answer = type[serializers.BaseSerializer[Any]]

MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description="The `ETag` that you read; the change is made to that state and no other.",
)
ONCE = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "pattern": "^[!-~]{1,255}$"},
    OpenApiParameter.HEADER,
    description="Your own name for this request: sent again with it, it is not done again.",
)
CODES: Mapping[int, str] = {
    400: "Malformed: a field, the query or the JSON",
    401: "Not signed in",
    403: "The role or the token allows less, or the CSRF token is missing",
    404: "Not there, or not yours",
    406: "There is no such representation",
    409: "In conflict with the state as it is",
    412: "Changed since you read it (`If-Match`)",
    413: "Too large",
    415: "Not JSON",
    422: "This `Idempotency-Key` came with another request",
    429: "Too much; see `Retry-After`",
    503: "The database is away; see `Retry-After`",
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
    **more: Any,
) -> Callable[[View], View]:
    """Describes a method of a view.

    `many`: answers with pages; `match`: honours `If-Match`; `once`: honours `Idempotency-Key`;
    `conflicts`: the state may forbid it.
    """
    queries = list(query) if isinstance(query, Sequence) else [query]
    parameters: list[Any] = [*queries, *([MATCH] if match else ()), *([ONCE] if once else ())]
    if many:
        assert isinstance(answers, type), "pages of one kind"
        answers = page_of(answers)
    if not isinstance(answers, Mapping):
        answers = {200: answers} if answers else {204: None}

    def describe(method: View) -> View:
        codes = {409} if conflicts or once else set()
        codes |= {412} if match else set()
        codes |= {400, 413, 415, 422} if once else set()
        codes |= {400} if queries else set()
        codes |= {400, 413, 415} if body else set()
        method.told_errors = codes  # type: ignore[attr-defined]
        return extend_schema(request=body, responses=answers, parameters=parameters, **more)(method)

    return describe


_pages: dict[Answer, Answer] = {}


def page_of(one: Answer) -> Answer:
    if one not in _pages:
        fields = {
            "next": serializers.URLField(allow_null=True),
            "previous": serializers.URLField(allow_null=True),
            "results": one(many=True),
        }
        name = f"{one.__name__.removesuffix('Serializer')}Page"
        _pages[one] = type(name, (serializers.Serializer,), fields)
    return _pages[one]


class ApiSchema(AutoSchema):
    """Adds the errors that an operation's traits let come."""

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        for code in sorted(self._errors()):
            told = {
                "description": CODES[code],
                "content": {"application/json": {"schema": PROBLEM}},
            }
            if code in (429, 503):
                told["headers"] = RETRY_AFTER
            bodies.setdefault(str(code), told)
        return bodies

    def _errors(self) -> set[int]:
        method = getattr(self.view, self.method.lower())
        codes = {401, 406, 429, 503} | getattr(method, "told_errors", set())
        if self.method not in SAFE_METHODS:
            codes.add(403)
        if "{" in self.path or getattr(method, "told_errors", None):
            codes.add(404)
        return codes


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "chat.api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        text = "`Token <key>`, a key made by `POST /api/tokens/` or `manage.py create_token`."
        return {"type": "apiKey", "in": "header", "name": "Authorization", "description": text}


def stream_of(text: str) -> OpenApiResponse:
    """Describes the blocks of an event stream; each block's `data` is the JSON of one frame."""
    block = {
        "type": "object",
        "required": ["data"],
        "properties": {
            "id": {"type": "string", "description": "Your cursor from here on."},
            "event": {"type": "string"},
            "data": {"type": "string", "contentMediaType": "application/json"},
        },
    }
    return OpenApiResponse(block, description=text)
