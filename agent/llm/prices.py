"""What the tokens of a model cost, as `SAMURAI_MODEL_PRICES` says. Knows no price of its own."""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings

UNKNOWN = "unknown"
_MILLION = 1_000_000
SMALLEST = Decimal("0.0001")  # that is shown


def cost(model: str, input_tokens: int, output_tokens: int) -> Decimal | None:
    """Returns what the tokens cost, in `SAMURAI_PRICE_CURRENCY`.

    None if it is unknown: the model has no price, or its server does not count tokens, so both are 0.
    """
    prices = settings.SAMURAI_MODEL_PRICES.get(model)
    if prices is None or not (input_tokens or output_tokens):
        return None
    of_input, of_output = prices
    total: Decimal = input_tokens * of_input + output_tokens * of_output
    return total / _MILLION


def shown(amount: Decimal | None) -> str:
    """Returns "12.50 USD", "0.0042 USD" below one, "less than 0.0001 USD", or "unknown"."""
    if amount is None:
        return UNKNOWN
    if 0 < amount < SMALLEST:
        return f"less than {SMALLEST} {settings.SAMURAI_PRICE_CURRENCY}"
    places = 2 if amount >= 1 or not amount else 4
    return f"{amount:,.{places}f} {settings.SAMURAI_PRICE_CURRENCY}"
