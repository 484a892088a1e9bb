"""What can go wrong in a run, by whose fault it is. Nothing here knows of HTTP or sockets."""

from __future__ import annotations

from typing import ClassVar


class AgentError(Exception):
    """Something went wrong."""

    # The `code` of the run's `error` event, and whether trying again may help.
    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").strip().splitlines()[0])


# -- the model's server ----------------------------------------------------------------------------


class ModelError(AgentError):
    """The model could not answer."""

    code = "model_unavailable"
    retryable = True


class ModelUnavailable(ModelError):
    """The model's server cannot be reached or is out of order."""


class ModelTimeout(ModelError):
    """The model took too long to answer."""

    code = "model_timeout"


class RateLimited(ModelError):
    """The model's server asks for a pause: too many requests."""

    code = "rate_limited"


class ModelRefused(ModelError):
    """The model's server refused the request."""

    code = "model_refused"
    retryable = False


class ModelInvalid(ModelError):
    """The model's answer could not be used: it was not what was asked for."""

    code = "model_invalid"


class ModelTruncated(ModelError):
    """The model's answer broke off before its end."""

    code = "model_truncated"


# -- the plan and its tools ------------------------------------------------------------------------


class PlanInvalid(AgentError):
    """The plan cannot be carried out."""

    code = "plan_rejected"

    def __init__(self, errors: list[str]) -> None:
        super().__init__("; ".join(errors))
        self.errors = errors


class ToolFailed(AgentError):
    """A tool could not do what it was asked. The text is for the person and for the model."""

    code = "tool_failed"


class AmbiguousReference(ToolFailed):
    """A reference fits several objects, and only a person knows which one is meant."""


# -- limits ----------------------------------------------------------------------------------------


class BudgetExceeded(AgentError):
    """The run used more of the model than it may."""

    code = "budget_exceeded"


class RunTimeout(AgentError):
    """The run took longer than a run may take."""

    code = "run_timeout"
    retryable = True


class Interrupted(AgentError):
    """The run was started again and again without getting any further."""

    code = "interrupted"
    retryable = True


# -- who may go on ---------------------------------------------------------------------------------


class Fenced(Exception):
    """The run was taken over, cancelled or finished: whoever gets this leaves at once and writes nothing."""


class Refused(Exception):
    """A request was refused and nothing was changed. `code` is the protocol's `rejected` code."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


def codes(error: type[AgentError] = AgentError) -> set[str]:
    """Returns the codes that a run may fail with."""
    return {error.code}.union(*(codes(more) for more in error.__subclasses__()))
