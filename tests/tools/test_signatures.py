"""What a signature says about a tool, and what is said of one that can't be a tool."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, model_validator

from agent.tools import registry
from agent.tools.registry import Arguments, Result, ToolCall


class PageCount(Result):
    pages: int


def count_pages(
    call: ToolCall,
    url: Annotated[str, Field(description="Where to begin.", min_length=1)],
    depth: Annotated[int, Field(ge=1, le=5)] = 1,
    kinds: list[Literal["html", "pdf"]] | None = None,
) -> PageCount:
    """Counts the pages of a site. Changes nothing.

    Follows links.
    """
    return PageCount(pages=depth + len(url) + len(kinds or []))


async def fetch_title(call: ToolCall, url: str) -> PageCount:
    """Fetches."""
    return PageCount(pages=len(url))


def call_of(key: str = "k") -> Any:
    return ToolCall.__new__(ToolCall)


def test_the_parameters_are_the_arguments() -> None:
    tool = registry.make(count_pages, "reads", timeout=5)
    assert (tool.name, tool.summary) == ("count_pages", "Counts the pages of a site.")
    assert (tool.effect, tool.alters, tool.package) == ("reads", 0, "tests")
    schema = tool.spec.parameters
    assert schema["required"] == ["url"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["url"] == {
        "description": "Where to begin.",
        "minLength": 1,
        "title": "Url",
        "type": "string",
    }
    assert schema["properties"]["depth"]["maximum"] == 5
    assert schema["properties"]["kinds"]["default"] is None
    json.dumps(schema)
    arguments = tool.arguments.model_validate({"url": "abc", "kinds": ["pdf"]})
    assert tool.function(call_of(), arguments) == PageCount(pages=5)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"url": ""},
        {"url": 1},
        {"url": "a", "depth": "2"},
        {"url": "a", "to": 1},
        {"url": "a", "depth": 9},
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, Any]) -> None:
    assert registry.make(count_pages, "reads").check(arguments)


async def test_an_async_function_stays_one() -> None:
    tool = registry.make(fetch_title, "outgoing", retries=1)
    assert tool.is_async
    returned = await tool.function(call_of(), tool.arguments.model_validate({"url": "abc"}))
    assert returned == PageCount(pages=3)


class Range(Arguments):
    low: int
    high: int

    @model_validator(mode="after")
    def _ordered(self) -> Range:
        if self.low > self.high:
            raise ValueError("low must not be above high")
        return self


def span(call: ToolCall, arguments: Range) -> PageCount:
    """Spans."""
    return PageCount(pages=arguments.high - arguments.low)


def test_a_class_stands_for_its_fields_and_may_have_rules_about_several() -> None:
    tool = registry.make(span, "reads")
    assert tool.arguments is Range
    assert tool.check({"low": 1, "high": 2}) == []
    assert "low must not be above high" in tool.check({"low": 2, "high": 1})[0]


def untold(call: ToolCall, url: str) -> PageCount:
    raise NotImplementedError


def untyped(call: ToolCall, url) -> PageCount:  # type: ignore[no-untyped-def]
    """Has a parameter without a type."""
    raise NotImplementedError


def unreturning(call: ToolCall, url: str) -> str:
    """Returns no class."""
    raise NotImplementedError


def uncalled() -> PageCount:
    """Takes nothing."""
    raise NotImplementedError


def starred(call: ToolCall, *urls: str) -> PageCount:
    """Takes any number."""
    raise NotImplementedError


def reserved(call: ToolCall, copy: str) -> PageCount:
    """Has a parameter that pydantic names so."""
    raise NotImplementedError


def opaque(call: ToolCall, what: ToolRegistry) -> PageCount:  # type: ignore[name-defined]  # noqa: F821
    """Has a type that nobody knows."""
    raise NotImplementedError


@pytest.mark.parametrize(
    ("function", "effect", "options", "told"),
    [
        (untold, "reads", {}, "it has no docstring, which the model reads"),
        (untyped, "reads", {}, "its parameter 'url' has no type"),
        (unreturning, "reads", {}, "its return type must be a Result class"),
        (uncalled, "reads", {}, "it takes no parameter for the call"),
        (starred, "reads", {}, "its parameter 'urls' must have a name: no * and no /"),
        (reserved, "reads", {}, "its parameter 'copy' has a name that pydantic uses; rename it"),
        (opaque, "reads", {}, "its type hints can't be read: name 'ToolRegistry' is not defined"),
        (
            span,
            "harmless",
            {},
            "its effect is 'harmless', not one of reads, writes, deletes, outgoing",
        ),
        (span, "writes", {"retries": 1}, "only an async function may have retries"),
        (span, "writes", {"idempotent": False}, "only an async function may"),
        (
            fetch_title,
            "outgoing",
            {"retries": 1, "idempotent": False},
            "a tool that is not idempotent can't have retries",
        ),
    ],
)
def test_the_error_names_the_function_and_what_is_wrong(
    function: Any, effect: str, options: dict[str, Any], told: str
) -> None:
    with pytest.raises(ValueError, match=rf"^{function.__module__}.{function.__name__}: ") as error:
        registry.make(function, effect, **options)
    assert told in str(error.value)


def test_a_name_is_given_once() -> None:
    def create_task(call: ToolCall, title: str) -> PageCount:
        """Has the name of one of our own."""
        raise NotImplementedError

    create_task.__annotations__ = {"call": ToolCall, "title": str, "return": PageCount}
    with pytest.raises(
        ValueError, match=r"'create_task' is taken by a tool of agent\.tools\.tasks"
    ):
        registry.tool("writes")(create_task)
