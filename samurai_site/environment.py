"""Reads environment variables. An invalid value raises `ImproperlyConfigured` and is named there."""

import os
from decimal import Decimal, InvalidOperation
from importlib.util import find_spec
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.exceptions import ImproperlyConfigured

SHORTEST_SECRET = 16  # characters


def env_str(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def env_bool(name: str, default: bool) -> bool:
    text = env_str(name).lower()
    if text in ("1", "true", "yes", "on"):
        return True
    if text in ("0", "false", "no", "off"):
        return False
    if text:
        raise ImproperlyConfigured(f"{name} must be true or false, not {text!r}.")
    return default


def env_int(name: str, default: int, *, minimum: int = 0, maximum: int | None = None) -> int:
    text = env_str(name)
    if not text:
        return default
    try:
        value = int(text)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {text!r}.") from None
    if value < minimum:
        raise ImproperlyConfigured(f"{name} must be {minimum} or more, not {value}.")
    if maximum is not None and value > maximum:
        raise ImproperlyConfigured(f"{name} must be {maximum} or less, not {value}.")
    return value


def env_secret(name: str) -> str:
    """Returns a secret that is long enough not to be guessed, or an empty text."""
    value = env_str(name)
    if value and len(value) < SHORTEST_SECRET:
        raise ImproperlyConfigured(f"{name} must have {SHORTEST_SECRET} characters or more.")
    return value


def env_list(name: str) -> list[str]:
    return [item.strip() for item in env_str(name).split(",") if item.strip()]


def env_choice(name: str, default: str, choices: tuple[str, ...]) -> str:
    value = env_str(name, default)
    if value not in choices:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(choices)}, not {value!r}.")
    return value


def env_apps(name: str) -> list[str]:
    """Returns the names of Django applications, whose packages must be installed."""
    apps = env_list(name)
    for app in apps:
        if find_spec(app.partition(".")[0]) is None:
            raise ImproperlyConfigured(f"{name} names {app!r}, which is not installed.")
    return apps


def env_time_zone(name: str, default: str) -> str:
    value = env_str(name, default)
    try:
        ZoneInfo(value)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise ImproperlyConfigured(
            f"{name} must be a time zone such as Europe/Berlin, not {value!r}."
        ) from None
    return value


def env_prices(name: str) -> dict[str, tuple[Decimal, Decimal]]:
    """Reads "model=0.25/2,other=1/4": by model, the prices of a million tokens of input and of output."""
    prices = {}
    for item in env_list(name):
        model, _, amounts = item.rpartition("=")
        try:
            of_input, of_output = (Decimal(amount.strip()) for amount in amounts.split("/"))
        except (ValueError, InvalidOperation):
            of_input = of_output = Decimal("NaN")
        if not model or not all(
            price.is_finite() and price >= 0 for price in (of_input, of_output)
        ):
            raise ImproperlyConfigured(
                f"{name} must have items like gpt-5-mini=0.25/2, not {item!r}."
            )
        prices[model.strip()] = of_input, of_output
    return prices
