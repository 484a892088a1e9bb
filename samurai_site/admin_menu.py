"""The menu of the admin: the models in groups by what people look for, the inside of runs last."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

GROUPS = {
    "Sessions": ("agent.chatsession", "agent.message", "agent.batch", "agent.sharedlink"),
    "Runs": ("agent.run", "agent.approval", "agent.modelcall", "agent.feedback"),
    "Projects": ("agent.project", "agent.task", "agent.memory"),
    "People": (
        *("auth.user", "auth.group", "agent.membership", "agent.invitation", "agent.apitoken"),
        "agent.auditentry",
    ),
}
# What runs and searches store: read on the pages of sessions, runs and memories, seldom as a list.
DETAILS = (
    *("agent.planrevision", "agent.planstep", "agent.phaseresult", "agent.steering"),
    *("agent.event", "agent.memoryrevision", "agent.searchentry"),
)
APPS_OF_DETAILS = ("procrastinate",)


def grouped(apps: Iterable[dict[str, Any]], path: str) -> list[dict[str, Any]]:
    """Returns the groups of the models that Django's `get_app_list` lists by their apps, in its form.

    Models of other packages form groups of their apps. A group that `is_folded` is shown when asked for,
    and on the pages of its own models. `path`: of the page.
    """
    listed = list(apps)
    left = {_key(model): model for app in listed for model in app["models"]}
    groups = [_group(name, _taken(left, keys)) for name, keys in GROUPS.items()]
    details = _taken(left, DETAILS)
    for app in listed:
        models = _taken(left, [_key(model) for model in app["models"]])
        if app["app_label"] in APPS_OF_DETAILS:
            details += models
        else:
            groups.append(_group(app["name"], models))
    is_within = any(path.startswith(model["admin_url"] or "?") for model in details)
    groups.append(_group("Stored details", details) | {"is_folded": not is_within})
    return [group for group in groups if group["models"]]


def _key(model: dict[str, Any]) -> str:
    return str(model["model"]._meta.label_lower)


def _taken(left: dict[str, Any], keys: Iterable[str]) -> list[dict[str, Any]]:
    return [left.pop(key) for key in keys if key in left]


def _group(name: str, models: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": name,
        "app_label": "",
        "app_url": "",
        "has_module_perms": True,
        "models": models,
    }
