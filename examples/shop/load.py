"""Customers: an open loop of requests to the storefront.

Open means that customers do not wait for each other: a request starts when its time has come, however long
the others take. That is what fills a pool in earnest. At most `IN_FLIGHT_MAX` run at once; what would come on
top is counted and told at the end.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException

from shop import agreed, leash

REQUESTS_PER_S = 30.0
ORDER_SHARE = 0.4
IN_FLIGHT_MAX = 128
ANSWER_MAX_S = 10.0


class Customers:
    """Sends requests, each from one of up to `IN_FLIGHT_MAX` threads, and counts how they ended."""

    def __init__(self, address: str, choice: random.Random) -> None:
        self.outcomes: Counter[str] = Counter()
        self._address = address
        self._choice = choice
        self._threads = ThreadPoolExecutor(IN_FLIGHT_MAX)
        self._free = threading.Semaphore(IN_FLIGHT_MAX)
        self._local = threading.local()

    def send(self) -> None:
        """Start one request, or count that none was free to make it."""
        if not self._free.acquire(blocking=False):
            self.outcomes["not sent"] += 1
            return
        dice = self._choice
        sku = agreed.sku(dice.randrange(agreed.PRODUCTS))
        token = agreed.sign(dice.randrange(1000, 9999), dice.randrange(30, 1800))
        body: dict[str, object] | None = None
        if dice.random() < ORDER_SHARE:
            quantity = dice.randrange(1, 4)
            body = {"sku": sku, "quantity": quantity, "card": dice.randrange(10**15, 10**16)}
            body["amount"] = round(quantity * dice.uniform(5, 60), 2)
            if dice.random() < 0.5:
                body["currency"] = dice.choice(("CHF", "GBP", "SEK"))
        self._threads.submit(self._exchange, sku, token, body)

    def _exchange(self, sku: str, token: str, body: dict[str, object] | None) -> None:
        http: HTTPConnection | None = getattr(self._local, "http", None)
        if http is None:
            http = self._local.http = HTTPConnection(self._address, timeout=ANSWER_MAX_S)
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        try:
            if body is None:
                http.request("GET", f"/products/{sku}", headers=headers)
            else:
                http.request("POST", "/orders", json.dumps(body).encode(), headers)
            response = http.getresponse()
            response.read()
            self.outcomes[str(response.status)] += 1
        except (OSError, HTTPException) as error:
            http.close()
            self.outcomes[type(error).__name__] += 1
        finally:
            self._free.release()


def main() -> None:
    """Send until SIGTERM or until the parent is gone; then say how the requests ended."""
    stop = threading.Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    leash.hold(lambda: os._exit(1))
    seed = int(os.environ.get("SHOP_SEED", "1"))
    dice = random.Random(seed)  # noqa: S311 - who buys what is no secret
    customers = Customers(json.loads(os.environ["SHOP_ADDRESSES"])["storefront"], dice)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    due = time.monotonic()
    while not stop.wait(max(0.0, due - time.monotonic())):
        customers.send()
        due += dice.uniform(0.5, 1.5) / REQUESTS_PER_S
    sys.stderr.write(f"load: {dict(sorted(customers.outcomes.items()))}\n")
    sys.stderr.flush()
    os._exit(0)  # threads may still wait for an answer of a shop that is stopping


if __name__ == "__main__":
    main()
