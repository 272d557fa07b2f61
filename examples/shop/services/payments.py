"""payments: asks the bank, which takes tens of milliseconds; the card network settles about a second later.

The bank is time that passes (`sleep`), as long as the card's digits say, so that a run of the shop differs
from another one only by its load.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections import OrderedDict

from shop.service import Settings, run
from shop.web import Reply, Request, Routes

SLOW_MS = 90
SETTLEMENTS_MAX = 4096

_log = logging.getLogger("shop.payments")


class Bank:
    """Authorises cards and remembers when each payment will be settled."""

    def __init__(self) -> None:
        self._numbers = itertools.count(50_001)
        self._settled_at: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def authorise(self, request: Request) -> Reply:
        """201 and the payment's number, or 402 when the bank says no (one card in ten)."""
        order, card, amount = (request.body[key] for key in ("order", "card", "amount"))
        bank_ms = 25 + card % 40 + (SLOW_MS if card % 23 == 0 else 0)
        time.sleep(bank_ms / 1000)
        if bank_ms > SLOW_MS:
            _log.warning("the bank took %d ms for order %s", bank_ms, order)
        if card % 10 == 7:
            _log.info("card ending in %04d declined for order %s: %.2f EUR", card % 10_000, order, amount)
            return Reply(status=402, body={"error": "declined"})
        payment = f"pay-{next(self._numbers)}"
        with self._lock:
            self._settled_at[payment] = time.monotonic() + 0.9 + card % 50 / 100
            if len(self._settled_at) > SETTLEMENTS_MAX:
                self._settled_at.popitem(last=False)
        _log.info("%s authorised for order %s: %.2f EUR in %d ms", payment, order, amount, bank_ms)
        return Reply(status=201, body={"payment": payment})

    def settlement(self, request: Request) -> Reply:
        """Answers when the card network has settled the payment."""
        settled_at = self._settled_at.get(request.ids["payment"])
        if settled_at is None:
            return Reply(status=404)
        time.sleep(max(0.0, settled_at - time.monotonic()))
        return Reply(body={"settled": True})


def _routes(_: Settings) -> Routes:
    bank = Bank()
    return {"POST /payments": bank.authorise, "GET /payments/{payment}/settlement": bank.settlement}


if __name__ == "__main__":
    run(_routes)
