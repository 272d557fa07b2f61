"""inventory: what is in stock and at which price; it restocks by itself when a shelf is empty."""

from __future__ import annotations

import logging
import threading

from shop import agreed
from shop.service import Settings, run
from shop.web import Reply, Request, Routes

SHELF_MAX = 100
LOW = 8

_log = logging.getLogger("shop.inventory")


class Shelves:
    """The stock of each product, started at different heights so that they do not empty together."""

    def __init__(self) -> None:
        self._stock = {
            agreed.sku(n): SHELF_MAX - n * SHELF_MAX // agreed.PRODUCTS for n in range(agreed.PRODUCTS)
        }
        self._lock = threading.Lock()

    def product(self, request: Request) -> Reply:
        """Price and stock of one product."""
        sku = request.ids["sku"]
        if sku not in self._stock:
            return Reply(status=404)
        _log.info("%s has %d in stock", sku, self._stock[sku])
        return Reply(body={"sku": sku, "stock": self._stock[sku], "price": 4.5 + int(sku[4:]) * 0.31})

    def reserve(self, request: Request) -> Reply:
        """Take items for an order off the shelf."""
        sku, quantity, order = (request.body[key] for key in ("sku", "quantity", "order"))
        with self._lock:
            restocked = self._stock[sku] < quantity
            self._stock[sku] += (SHELF_MAX if restocked else 0) - quantity
            left = self._stock[sku]
        if restocked:
            _log.info("%s restocked with %d", sku, SHELF_MAX)
        if left < LOW:
            _log.warning("%s is running low: %d left", sku, left)
        _log.info("order %s takes %d of %s", order, quantity, sku)
        return Reply(status=201, body={"left": left})


def _routes(_: Settings) -> Routes:
    shelves = Shelves()
    return {"GET /products/{sku}": shelves.product, "POST /reservations": shelves.reserve}


if __name__ == "__main__":
    run(_routes)
