"""Release v3: settlement is the payments service's business again, and the ledger knows our own currency."""

from __future__ import annotations

from shop.payment import SHOP_CURRENCY, Ledger, Order, authorise
from shop.web import Upstream


def pay(payments: Upstream, ledger: Ledger, order: Order) -> str:
    """Pay for an order; returns the payment's number."""
    with payments.connection() as connection:
        payment = authorise(connection, order)
    ledger.write(order["amount"], order.get("currency", SHOP_CURRENCY))
    return payment
