"""What schemathesis may not do: saw off its own branch, or start runs that nobody will ever decide on."""

from __future__ import annotations

import os
import uuid
from typing import Any

import schemathesis


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    own = case.path_parameters or {}
    if str(own.get("token_id")) == os.environ["OWN_TOKEN"]:  # it would be signed out
        own["token_id"] = str(uuid.uuid4())
    body = case.body if isinstance(case.body, dict) else {}
    props = body.get("forwardedProps")
    for place in (body, props if isinstance(props, dict) else {}):
        if place.get("approval") == "required":  # streams wait for the end of such a run
            place["approval"] = "auto"
