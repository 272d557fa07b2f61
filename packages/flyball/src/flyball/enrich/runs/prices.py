"""The one file that knows genai-prices: what a call of a model cost on its day, None where no price is known.

Imported when the first call of a model comes, not before: it takes a third of a second, and many servers see none.
"""

from __future__ import annotations

import functools
from datetime import UTC, date, datetime, time

from flyball.model.run import Step

_REMEMBERED_MAX = 8_192
_CALL_USD_MAX = 1e6
"""No call costs more: what claims to is no cost."""
_OWN_NAMES = {
    "x_ai": "x-ai",
    "xai": "x-ai",
    "vertex_ai": "google",
    "gemini": "google",
    "moonshot_ai": "moonshotai",
    "azure.ai.openai": "azure",
    "az.ai.openai": "azure",
}
"""Providers that OpenTelemetry and genai-prices call by different names, where genai-prices does not know both."""


def cost_nusd(step: Step, day: date) -> int | None:
    """What the call cost, in billionths of a US dollar: as the sender told, else by the price of that day."""
    if step.cost_usd is not None:
        return round(step.cost_usd * 1e9) if step.cost_usd <= _CALL_USD_MAX else None
    usage, model = step.usage, step.answered_by or step.model
    if not model or usage.input is None:
        return None
    counts = (usage.input, usage.output or 0, usage.cache_read or 0, usage.cache_write or 0)
    return _price(step.provider.lower(), model, day, *counts)


@functools.lru_cache(_REMEMBERED_MAX)
def _price(
    provider: str, model: str, day: date, given: int, made: int, read: int, written: int
) -> int | None:
    from genai_prices import Usage, calc_price  # noqa: PLC0415 - see above

    usage = Usage(input_tokens=given, output_tokens=made, cache_read_tokens=read, cache_write_tokens=written)
    try:
        price = calc_price(
            usage,
            model,
            provider_id=_OWN_NAMES.get(provider, provider) or None,
            genai_request_timestamp=datetime.combine(day, time(12), UTC),
        )
    except (LookupError, ValueError):
        return None
    return round(price.total_price * 1_000_000_000)
