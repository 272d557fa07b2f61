"""What every release of checkout shares about paying: an order, a card, a ledger."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from shop.web import Connection

Order = Mapping[str, Any]
"""`order` (its number), `sku`, `quantity`, `amount`, `card`; `currency` only when it is not the shop's own."""

SHOP_CURRENCY = "EUR"


class Declined(Exception):
    """The bank said no."""


class Ledger:
    """Who paid what, for the accountants; only its totals are kept here."""

    def __init__(self) -> None:
        self._totals: dict[str, float] = {}
        self._lock = threading.Lock()

    def write(self, amount: float, currency: str) -> None:
        """Add an amount to the total of its currency."""
        with self._lock:
            self._totals[currency] = self._totals.get(currency, 0.0) + amount


def authorise(payments: Connection, order: Order) -> str:
    """Ask the payments service to reserve the amount on the card; returns the payment's number.

    Raises:
        Declined: the bank said no.
    """
    reply = payments.request(
        "POST",
        "/payments",
        {"order": order["order"], "card": order["card"], "amount": order["amount"]},
    )
    if reply.status == 402:
        raise Declined(order["order"])
    return str(reply.body["payment"])
