"""What `manage.py check --deploy` looks at beside Django's own checks."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register


@register(Tags.security, deploy=True)
def data_is_private(**options: Any) -> list[CheckMessage]:
    mode = settings.VAR_DIR.stat().st_mode & 0o777
    if not mode & 0o077:
        return []
    return [
        Warning(
            f"Other users of this machine may look into {settings.VAR_DIR}: its mode is {mode:o}.",
            hint=f"chmod 700 {settings.VAR_DIR}",
            id="samurai.W001",
        )
    ]
