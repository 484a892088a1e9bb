"""The agent's exceptions, grouped by whose fault they are. They know nothing of HTTP or sockets."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar


class AgentError(Exception):
    """Something went wrong."""

    # The `code` of the run's `error` event, and whether a retry may help.
    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").strip().splitlines()[0])


# -- the model's server ----------------------------------------------------------------------------


class ModelError(AgentError):
    """The model failed to answer."""

    code = "model_unavailable"
    retryable = True


class ModelUnavailable(ModelError):
    """The model's server is unreachable or failing."""


class ModelTimeout(ModelError):
    """The model took too long to answer."""

    code = "model_timeout"


class RateLimited(ModelError):
    """The model's server is rate limiting: too many requests."""

    code = "rate_limited"


class ModelRefused(ModelError):
    """The model's server refused the request."""

    code = "model_refused"
    retryable = False


class BudgetExceeded(ModelRefused):
    """The request is longer than the model's window.

    `window`, `prompt`: the tokens of both that the server's refusal tells, if it does.
    """

    code = "budget_exceeded"

    def __init__(
        self, message: str = "", window: int | None = None, prompt: int | None = None
    ) -> None:
        super().__init__(message)
        self.window, self.prompt = window, prompt


class ModelInvalid(ModelError):
    """The model's answer was invalid."""

    code = "model_invalid"


class ModelTruncated(ModelError):
    """The model's answer was cut off."""

    code = "model_truncated"


# -- the plan and its tools ------------------------------------------------------------------------


class PlanInvalid(AgentError):
    """The plan cannot be executed."""

    code = "plan_rejected"

    def __init__(self, errors: list[str]) -> None:
        super().__init__("; ".join(errors))
        self.errors = errors


class ToolFailed(AgentError):
    """A tool cannot do what the plan asks. The message is for the person and the model."""

    code = "tool_failed"


class AmbiguousReference(ToolFailed):
    """A reference matches several objects; only a person can say which one is meant."""


class EffectTooSlow(ToolFailed):
    """The database needed too long for this, so nothing was changed. Try again, with less at once."""


# -- limits ----------------------------------------------------------------------------------------


class RunTimeout(AgentError):
    """The run exceeded its time limit."""

    code = "run_timeout"
    retryable = True


class Interrupted(AgentError):
    """The run was interrupted several times without making progress."""

    code = "interrupted"
    retryable = True


# -- control flow ----------------------------------------------------------------------------------


class Fenced(Exception):
    """The run was taken over, cancelled or finished. Its former worker must stop and write nothing."""


class Refused(Exception):
    """A request was rejected and changed nothing. `code` is the `code` of the protocol's `rejected`."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class QuotaReached(ToolFailed, Refused):
    """A quota is used up: rejects a request, and fails a run, with nothing half-done.

    `frees_at`: when the quota has room again; None if something has to be deleted first.
    """

    code: ClassVar[str] = "quota_reached"  # type: ignore[misc]  # `Refused` has one of each instance
    retryable = True

    def __init__(self, message: str, frees_at: datetime | None = None) -> None:
        Exception.__init__(self, message)
        self.frees_at = frees_at


def codes(error: type[AgentError] = AgentError) -> set[str]:
    """Returns the codes with which a run may fail."""
    return {error.code}.union(*(codes(subclass) for subclass in error.__subclasses__()))
