"""The texts of pydantic's errors."""

from __future__ import annotations

from pydantic_core import ErrorDetails

from agent.support.counts import too_long


def message(error: ErrorDetails) -> str:
    """Returns what is wrong with a value: of a text that is too long its length, of what a validator of
    ours refuses its own words.
    """
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    if error["type"] == "string_too_long":
        return too_long("the text", len(error["input"]), error["ctx"]["max_length"])
    return error["msg"]
