"""The settings of the log: which loggers write, from which level on, and in which form."""

from typing import Any

from agent.support.log_lines import has_access_log


def configured(form: str, *, texts: bool) -> dict[str, Any]:
    """Returns Django's `LOGGING`. `form`: text or json; `texts`: whether lines have what people wrote."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {
            "ids": {"()": "agent.support.log_context.IdsFilter"},
            "refusals": {"()": "agent.support.log_lines.RefusalFilter"},
            "sockets": {"()": "agent.support.log_lines.SocketFilter"},
        },
        "formatters": {
            "text": {"()": "agent.support.log_lines.TextFormatter", "texts": texts},
            "json": {"()": "agent.support.log_lines.JsonFormatter", "texts": texts},
        },
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": form,
                "filters": ["ids", "refusals"],
            }
        },
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": _loggers(form),
    }


def _loggers(form: str) -> dict[str, dict[str, Any]]:
    levels = {
        "agent": "INFO",
        # For programs: people read the audit log in the admin.
        "audit": "INFO" if form == "json" else "WARNING",
        "chat": "INFO",
        "samurai_site": "INFO",
        "django": "WARNING",
        "procrastinate": "WARNING",
        "uvicorn": "INFO",
        "uvicorn.access": "INFO",
        # It logs a traceback per second while Redis is away; `chat.wakeups` logs that once.
        "channels_redis": "CRITICAL",
    }
    loggers: dict[str, dict[str, Any]] = {
        name: {"handlers": ["stderr"], "level": level, "propagate": False}
        for name, level in levels.items()
    }
    if not has_access_log():
        loggers["uvicorn.access"] = {"handlers": [], "propagate": False}
        loggers["uvicorn.error"] = {"filters": ["sockets"]}
    return loggers
