"""storefront: what customers talk to. It knows who they are, shows products and passes orders to checkout."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Mapping
from typing import Any

from shop.service import Settings, run
from shop.web import Reply, Request, Routes

CHECKOUT_TRIES = 2

_log = logging.getLogger("shop.storefront")


class Storefront:
    """The two things a customer does: look and buy."""

    def __init__(self, settings: Settings) -> None:
        self._auth = settings.upstream("auth", size_max=64)
        self._inventory = settings.upstream("inventory", size_max=64)
        self._checkout = settings.upstream("checkout", size_max=64)
        self._orders = itertools.count(20_001)

    def product(self, request: Request) -> Reply:
        """One product's page."""
        user = self._user(request)
        if user is None:
            return Reply(status=401)
        sku = request.ids["sku"]
        product = self._inventory.request("GET", "/products/{sku}", sku=sku)
        if product.status == 200:
            _log.info("user %d looks at %s for %.2f EUR", user, sku, product.body["price"])
        return product

    def order(self, request: Request) -> Reply:
        """Place an order; checkout gets a second chance when it is busy."""
        user = self._user(request)
        if user is None:
            return Reply(status=401)
        number = str(next(self._orders))
        reply = self._pay({**request.body, "order": number}, tries=CHECKOUT_TRIES)
        if reply.status == 201:
            _log.info("order %s of user %d placed: %.2f EUR", number, user, request.body["amount"])
        elif reply.status == 402:
            _log.info("order %s of user %d was declined by the bank", number, user)
        else:
            _log.error("order %s of user %d lost: checkout answered %d", number, user, reply.status)
        return Reply(status=reply.status, body={"order": number})

    def _pay(self, order: Mapping[str, Any], *, tries: int) -> Reply:
        reply = self._checkout.request("POST", "/checkouts", order)
        if reply.status == 503 and tries > 1:
            return self._pay(order, tries=tries - 1)
        return reply

    def _user(self, request: Request) -> int | None:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        reply = self._auth.request("POST", "/sessions/verify", {"token": token})
        return int(reply.body["user"]) if reply.status == 200 else None


def _routes(settings: Settings) -> Routes:
    storefront = Storefront(settings)
    return {"GET /products/{sku}": storefront.product, "POST /orders": storefront.order}


if __name__ == "__main__":
    run(_routes)
