"""checkout: turns an order into a payment and a reservation. The payment step is the release's (releases/)."""

from __future__ import annotations

import importlib
import logging
import time
from collections.abc import Callable

from opentelemetry import trace
from shop.payment import Declined, Ledger, Order
from shop.pool import PoolExhausted
from shop.service import Settings, run
from shop.web import Reply, Request, Routes, Upstream

PAYMENT_CONNECTIONS_MAX = 8
PAYMENT_WAIT_MAX_S = 0.25
LARGE_EUR = 150.0

_log = logging.getLogger("shop.checkout")

Pay = Callable[[Upstream, Ledger, Order], str]


class Desk:
    """One checkout desk: its connections, its ledger, and how it gets paid."""

    def __init__(self, settings: Settings) -> None:
        self._pay: Pay = importlib.import_module(f"shop.releases.{settings.release}").pay
        self._payments = settings.upstream(
            "payments", size_max=PAYMENT_CONNECTIONS_MAX, wait_max_s=PAYMENT_WAIT_MAX_S
        )
        self._inventory = settings.upstream("inventory", size_max=32)
        self._ledger = Ledger()
        _log.info("up to %d connections to payments", PAYMENT_CONNECTIONS_MAX)

    def checkout(self, request: Request) -> Reply:
        """201 when paid and reserved, 402 when the bank says no, 503 when payments has no connection free."""
        order, started = request.body, time.perf_counter()
        if order["amount"] > LARGE_EUR:
            _log.warning("order %s is large: %.2f EUR", order["order"], order["amount"])
        try:
            payment = self._pay(self._payments, self._ledger, order)
        except Declined:
            return Reply(status=402, body={"error": "declined"})
        except PoolExhausted as error:
            _log.error("%s", error)
            trace.get_current_span().record_exception(error)
            return Reply(status=503, body={"error": "payments are busy"})
        self._inventory.request(
            "POST", "/reservations", {key: order[key] for key in ("order", "sku", "quantity")}
        )
        taken_ms = (time.perf_counter() - started) * 1000
        _log.info("order %s paid by %s in %.0f ms", order["order"], payment, taken_ms)
        return Reply(status=201, body={"payment": payment})


def _routes(settings: Settings) -> Routes:
    return {"POST /checkouts": Desk(settings).checkout}


if __name__ == "__main__":
    run(_routes)
