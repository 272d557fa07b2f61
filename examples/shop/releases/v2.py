"""Release v2: "Confirm the settlement before the order is placed; write paid orders to the ledger".

It passes its tests and a review: each request works. Under load it fails twice.

- The connection is held while the card network settles, about a second instead of 50 ms. Eight connections
  then carry eight orders a second; the ninth waits in vain.
- `order["currency"]` is there only for foreign orders. The error is caught, logged as a warning and forgotten:
  the ledger misses the others.
"""

from __future__ import annotations

import logging

from shop.payment import Ledger, Order, authorise
from shop.web import Upstream

_log = logging.getLogger("shop.checkout.pay")


def pay(payments: Upstream, ledger: Ledger, order: Order) -> str:
    """Pay for an order and wait for the settlement; returns the payment's number."""
    with payments.connection() as connection:
        payment = authorise(connection, order)
        connection.request("GET", "/payments/{payment}/settlement", payment=payment)
    try:
        ledger.write(order["amount"], order["currency"])
    except Exception as error:  # noqa: BLE001 - the swallowed exception that this release is about
        _log.warning("ledger entry for order %s skipped: %r", order["order"], error)
    return payment
