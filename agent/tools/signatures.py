"""What a function's signature says about a tool: the class of its arguments, and that of its result."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar, get_type_hints

from pydantic import (
    BaseModel,
    ConfigDict,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    create_model,
    field_validator,
)
from pydantic.errors import PydanticUserError

M = TypeVar("M", bound=BaseModel)

_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class Arguments(BaseModel):
    """A tool's arguments. Types are strict and unknown fields are errors. The model reads the
    descriptions of the fields.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_enum_values=True)

    @field_validator("*", mode="wrap")
    @classmethod
    def _none_for_nothing(
        cls, value: Any, check: ValidatorFunctionWrapHandler, info: ValidationInfo
    ) -> Any:
        """Takes an empty text, which is a small model's word for none, as None where it is no valid value
        and None is the default.
        """
        try:
            return check(value)
        except ValidationError:
            is_empty = isinstance(value, str) and not value.strip()
            if is_empty and cls.model_fields[info.field_name or ""].default is None:
                return None
            raise


class Result(BaseModel):
    """What a tool returns. Placeholders in later steps may refer to its fields."""

    model_config = ConfigDict(extra="forbid")


# What a tool is called with: the call, and an instance of the class of its arguments.
Function = Callable[[Any, Any], Any]


def read(function: Callable[..., Any]) -> tuple[Function, type[Arguments], type[BaseModel]]:
    """Returns the function as it is called, and the classes of its arguments and of its result.

    The parameters after the first one are the arguments; a single one whose type is an `Arguments`
    class stands for the fields of that class. Raises ValueError that says what is wrong.
    """
    hints = _hints(function)
    parameters = list(inspect.signature(function).parameters.values())
    if not parameters:
        raise ValueError("it takes no parameter for the call")
    result = _class(hints.get("return"), BaseModel)
    if result is None:
        raise ValueError("its return type must be a Result class")
    given = parameters[1:]
    if len(given) == 1 and (whole := _class(hints.get(given[0].name), Arguments)):
        return function, whole, result
    return _with_parameters(function), _arguments(function.__name__, given, hints), result


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return get_type_hints(function, include_extras=True)
    except NameError as error:
        raise ValueError(f"its type hints can't be read: {error}") from None


def _class(hint: Any, base: type[M]) -> type[M] | None:
    return hint if isinstance(hint, type) and issubclass(hint, base) else None


def _arguments(
    name: str, parameters: list[inspect.Parameter], hints: Mapping[str, Any]
) -> type[Arguments]:
    fields: dict[str, Any] = {}
    for one in parameters:
        if one.kind not in _NAMED:
            raise ValueError(f"its parameter {one.name!r} must have a name: no * and no /")
        if one.name not in hints:
            raise ValueError(f"its parameter {one.name!r} has no type")
        if hasattr(Arguments, one.name) or one.name.startswith(("_", "model_")):
            raise ValueError(f"its parameter {one.name!r} has a name that pydantic uses; rename it")
        default = ... if one.default is inspect.Parameter.empty else one.default
        fields[one.name] = (hints[one.name], default)
    try:
        return create_model(name, __base__=Arguments, **fields)
    except (PydanticUserError, TypeError) as error:
        raise ValueError(f"its types make no schema: {error}") from None


def _with_parameters(function: Callable[..., Any]) -> Function:
    """Returns `function` so that it takes its arguments as one object."""
    if inspect.iscoroutinefunction(function):

        @wraps(function)
        async def call_async(call: Any, arguments: BaseModel) -> Any:
            return await function(call, **_values(arguments))

        return call_async

    @wraps(function)
    def call_plain(call: Any, arguments: BaseModel) -> Any:
        return function(call, **_values(arguments))

    return call_plain


def _values(arguments: BaseModel) -> dict[str, Any]:
    return {name: getattr(arguments, name) for name in type(arguments).model_fields}
