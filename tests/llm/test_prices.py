"""What tokens cost."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from agent.llm import prices
from samurai_site.environment import env_prices

NAME = "SAMURAI_MODEL_PRICES"


def test_tokens_cost_what_the_setting_says(settings: Any) -> None:
    settings.SAMURAI_MODEL_PRICES = {"gpt-5-mini": (Decimal("0.25"), Decimal(2))}
    assert prices.cost("gpt-5-mini", 2_000_000, 500_000) == Decimal("1.50")
    assert prices.shown(prices.cost("gpt-5-mini", 1000, 125)) == "0.0005 USD"
    assert prices.shown(prices.cost("gpt-5-mini", 1, 0)) == "less than 0.0001 USD"
    assert prices.shown(Decimal("1234.5")) == "1,234.50 USD"


def test_the_cost_of_a_model_without_a_price_is_unknown_and_not_zero(settings: Any) -> None:
    settings.SAMURAI_MODEL_PRICES = {"local": (Decimal(0), Decimal(0))}
    assert prices.cost("other", 1000, 100) is None
    assert prices.shown(None) == "unknown"
    assert prices.shown(prices.cost("local", 1000, 100)) == "0.00 USD"


def test_the_cost_of_tokens_that_nobody_counted_is_unknown(settings: Any) -> None:
    settings.SAMURAI_MODEL_PRICES = {"local": (Decimal(1), Decimal(1))}
    assert prices.cost("local", 0, 0) is None


def test_names_of_models_may_have_colons_slashes_and_equals_signs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(NAME, "qwen3:8b=0/0, org/a=b=1.5/6")
    assert env_prices(NAME) == {
        "qwen3:8b": (Decimal(0), Decimal(0)),
        "org/a=b": (Decimal("1.5"), Decimal(6)),
    }


@pytest.mark.parametrize("text", ["a", "a=1", "a=1/x", "a=1/-1", "a=1/NaN", "=1/1", "a=1/2/3"])
def test_prices_that_cannot_be_read_are_refused_by_name(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(NAME, text)
    with pytest.raises(ImproperlyConfigured, match=NAME):
        env_prices(NAME)
